package sampler

import (
	"fmt"
	"io/fs"

	"github.com/sowgen/sowgen/nn/config"
)

// Config is a noise schedule under the names of diffusers' scheduler_config.json.
type Config struct {
	NumTrainTimesteps int     `json:"num_train_timesteps"`
	BetaStart         float64 `json:"beta_start"`
	BetaEnd           float64 `json:"beta_end"`
	BetaSchedule      string  `json:"beta_schedule"`    // "linear" or "scaled_linear"
	SetAlphaToOne     bool    `json:"set_alpha_to_one"` // node 0 is free of noise; else it has timestep 0's
	StepsOffset       int     `json:"steps_offset"`     // added to every timestep
	PredictionType    string  `json:"prediction_type"`  // "epsilon" or "v_prediction"
	TimestepSpacing   string  `json:"timestep_spacing"` // "leading"

	// Corrected says which values of the file [ReadConfig] did not take, and why: something to show to the user.
	Corrected []string `json:"-"`
}

// StableDiffusion is the schedule Stable Diffusion 1.x and 2.x were trained with. (The 768-pixel models of 2.x predict v, not epsilon.)
func StableDiffusion() Config {
	return Config{
		NumTrainTimesteps: 1000, BetaStart: .00085, BetaEnd: .012, BetaSchedule: "scaled_linear",
		StepsOffset: 1, PredictionType: "epsilon", TimestepSpacing: "leading",
	}
}

// ReadConfig reads a scheduler_config.json. Whichever scheduler the file was written for, DDIM is made from it as diffusers'
// DDIMScheduler.from_config makes it: keys that are missing have that class's defaults, keys it does not know are ignored, and values that
// mean other steps than ours are refused by name.
//
// As diffusers' StableDiffusionPipeline does, because old tools wrote configs without them, steps_offset is 1 and clip_sample false (latents are
// not bounded by 1) whatever the file has. Where that overrules the file, Corrected says so.
func ReadConfig(fsys fs.FS, name string) (Config, error) {
	c := Config{
		NumTrainTimesteps: 1000, BetaStart: .0001, BetaEnd: .02, BetaSchedule: "linear",
		SetAlphaToOne: true, StepsOffset: 1, PredictionType: "epsilon", TimestepSpacing: "leading",
	}
	other := struct {
		ClassName  string `json:"_class_name"`
		ClipSample bool   `json:"clip_sample"`
	}{ClassName: "DDIMScheduler"}
	if err := config.Read(fsys, name, &c, fixed); err != nil {
		return Config{}, fmt.Errorf("sampler: %w", err)
	}
	if err := config.Read(fsys, name, &other, nil); err != nil {
		return Config{}, fmt.Errorf("sampler: %w", err)
	}
	if c.StepsOffset != 1 {
		c.Corrected = append(c.Corrected, fmt.Sprintf("%s: steps_offset is %d, taken as 1 like StableDiffusionPipeline does", name, c.StepsOffset))
		c.StepsOffset = 1
	}
	if other.ClipSample {
		c.Corrected = append(c.Corrected, fmt.Sprintf("%s: clip_sample is true, taken as false like StableDiffusionPipeline does", name))
	}
	var check config.Check
	check.OneOf("_class_name", other.ClassName, families...)
	check.Add(c.Validate())
	if err := check.Err(); err != nil {
		return Config{}, fmt.Errorf("sampler: %s: %w", name, err)
	}
	return c, nil
}

// fixed are the keys that would make other steps.
var fixed = map[string]any{"thresholding": false, "rescale_betas_zero_snr": false, "use_flow_sigmas": false, "trained_betas": nil}

// families are the schedulers whose models DDIM can sample.
var families = []string{
	"DDIMScheduler", "DDIMInverseScheduler", "DDIMParallelScheduler", "DDPMScheduler", "DDPMParallelScheduler", "PNDMScheduler",
	"LMSDiscreteScheduler", "EulerDiscreteScheduler", "EulerAncestralDiscreteScheduler", "HeunDiscreteScheduler",
	"DPMSolverMultistepScheduler", "DPMSolverSinglestepScheduler", "DPMSolverSDEScheduler", "KDPM2DiscreteScheduler",
	"KDPM2AncestralDiscreteScheduler", "DEISMultistepScheduler", "UniPCMultistepScheduler",
}

// Validate reports the first value that is out of range or not supported.
func (c Config) Validate() error {
	var check config.Check
	check.Int("num_train_timesteps", c.NumTrainTimesteps, 1, 1<<16)
	check.Float("beta_start", c.BetaStart, 1e-12, 0.999)
	check.Float("beta_end", c.BetaEnd, c.BetaStart, 0.999)
	check.OneOf("beta_schedule", c.BetaSchedule, "linear", "scaled_linear")
	check.Int("steps_offset", c.StepsOffset, 0, max(c.NumTrainTimesteps-1, 0))
	check.OneOf("prediction_type", c.PredictionType, "epsilon", "v_prediction")
	check.OneOf("timestep_spacing", c.TimestepSpacing, "leading")
	return check.Err()
}
