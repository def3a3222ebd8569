package sampler

import (
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"
)

func readTestConfig(text string) (Config, error) {
	return ReadConfig(fstest.MapFS{"scheduler/scheduler_config.json": &fstest.MapFile{Data: []byte(text)}}, "scheduler/scheduler_config.json")
}

// TestReadConfig reads configs as the repositories of Stable Diffusion have them.
func TestReadConfig(t *testing.T) {
	sd15 := `{"_class_name": "PNDMScheduler", "_diffusers_version": "0.6.0", "beta_end": 0.012, "beta_schedule": "scaled_linear", "beta_start": 0.00085,
		"num_train_timesteps": 1000, "set_alpha_to_one": false, "skip_prk_steps": true, "steps_offset": 1, "trained_betas": null, "clip_sample": false}`
	c, err := readTestConfig(sd15)
	require.NoError(t, err)
	require.Equal(t, StableDiffusion(), c)

	v := StableDiffusion()
	v.PredictionType = "v_prediction"
	c, err = readTestConfig(strings.Replace(sd15, `"steps_offset"`, `"prediction_type": "v_prediction", "steps_offset"`, 1))
	require.NoError(t, err)
	require.Equal(t, v, c)

	// Of missing keys DDIMScheduler's defaults, but for the two that StableDiffusionPipeline sets.
	c, err = readTestConfig(`{}`)
	require.NoError(t, err)
	require.Equal(t, Config{
		NumTrainTimesteps: 1000, BetaStart: .0001, BetaEnd: .02, BetaSchedule: "linear",
		SetAlphaToOne: true, StepsOffset: 1, PredictionType: "epsilon", TimestepSpacing: "leading",
	}, c)

	c, err = readTestConfig(`{"steps_offset": 0, "clip_sample": true}`)
	require.NoError(t, err)
	require.Equal(t, 1, c.StepsOffset)
	require.Equal(t, []string{
		"scheduler/scheduler_config.json: steps_offset is 0, taken as 1 like StableDiffusionPipeline does",
		"scheduler/scheduler_config.json: clip_sample is true, taken as false like StableDiffusionPipeline does",
	}, c.Corrected)
}

func TestReadConfigErrors(t *testing.T) {
	for text, want := range map[string]string{
		``:     `want a JSON object: unexpected end of JSON input`,
		`[]`:   `want a JSON object`,
		`null`: `want a JSON object, got null`,
		`{"_class_name": "FlowMatchEulerDiscreteScheduler"}`: `"_class_name": "FlowMatchEulerDiscreteScheduler" is not supported`,
		`{"beta_schedule": "squaredcos_cap_v2"}`:             `"beta_schedule": "squaredcos_cap_v2" is not supported, only linear, scaled_linear`,
		`{"timestep_spacing": "trailing"}`:                   `"timestep_spacing": "trailing" is not supported, only leading`,
		`{"timestep_spacing": "linspace"}`:                   `"timestep_spacing": "linspace" is not supported, only leading`,
		`{"prediction_type": "sample"}`:                      `"prediction_type": "sample" is not supported, only epsilon, v_prediction`,
		`{"thresholding": true}`:                             `"thresholding": true is not supported, only false`,
		`{"rescale_betas_zero_snr": true}`:                   `"rescale_betas_zero_snr": true is not supported, only false`,
		`{"use_flow_sigmas": true}`:                          `"use_flow_sigmas": true is not supported, only false`,
		`{"trained_betas": [0.1]}`:                           `"trained_betas": [0.1] is not supported (leave it out)`,
		`{"num_train_timesteps": 0}`:                         `"num_train_timesteps": 0 is out of range`,
		`{"num_train_timesteps": 1000000000}`:                `"num_train_timesteps": 1000000000 is out of range`,
		`{"num_train_timesteps": "many"}`:                    `"num_train_timesteps": want a whole number, got a string`,
		`{"beta_start": 0.5, "beta_end": 0.1}`:               `"beta_end": 0.1 is out of range`,
		`{"beta_start": -1}`:                                 `"beta_start": -1 is out of range`,
		`{"beta_end": 1}`:                                    `"beta_end": 1 is out of range`,
	} {
		_, err := readTestConfig(text)
		require.ErrorContains(t, err, want, text)
		require.ErrorContains(t, err, "sampler: scheduler/scheduler_config.json: ", text)
	}
	_, err := ReadConfig(fstest.MapFS{}, "scheduler_config.json")
	require.ErrorContains(t, err, "sampler: scheduler_config.json: no such file")
}

func TestNewErrors(t *testing.T) {
	sd := StableDiffusion()
	for _, c := range []struct {
		change func(*Config)
		steps  int
		levels Levels
		want   string
	}{
		{func(*Config) {}, 0, Aligned, "sampler: 0 steps: want 1 to 1000"},
		{func(*Config) {}, 1001, Aligned, "sampler: 1001 steps: want 1 to 1000"},
		{func(*Config) {}, 1000, Aligned, "sampler: 1000 steps: with steps_offset 1 the last one is at timestep 1000 of 1000: take fewer"},
		{func(*Config) {}, 10, "sideways", `sampler: levels "sideways": want aligned or ref017`},
		{func(c *Config) { c.StepsOffset = 1000 }, 10, Aligned, `sampler: "steps_offset": 1000 is out of range, want 0 … 999`},
		{func(c *Config) { c.BetaSchedule = "sigmoid" }, 10, Aligned, `sampler: "beta_schedule": "sigmoid" is not supported, only linear, scaled_linear`},
		{func(c *Config) { *c = Config{} }, 10, Aligned, `sampler: "num_train_timesteps": 0 is out of range, want 1 … 65536`},
	} {
		config := sd
		c.change(&config)
		_, err := New(config, c.steps, c.levels)
		require.EqualError(t, err, c.want)
	}
	for _, steps := range []int{1, 7, 999} {
		_, err := New(sd, steps, Aligned)
		require.NoError(t, err)
	}
}

func FuzzReadConfig(f *testing.F) {
	f.Add(`{"num_train_timesteps": 10, "beta_start": 0.1, "beta_end": 0.2}`, 3)
	f.Add(`{"steps_offset": 0, "_class_name": null}`, 10)
	f.Fuzz(func(t *testing.T, text string, steps int) {
		c, err := readTestConfig(text)
		if err != nil {
			return
		}
		d, err := New(c, steps, Ref017)
		if err != nil {
			return
		}
		for k := 0; k <= steps; k++ {
			level := d.Level(k)
			require.True(t, level >= 0 && level <= 1, "level %v at node %d", level, k)
		}
	})
}
