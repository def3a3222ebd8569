package sampler

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/sowgen/sowgen/nn/config"
)

// Config mirrors the keys of a scheduler_config.json that DDIM reads, whatever scheduler the file names: as diffusers does when one
// scheduler is built from another's config.
type Config struct {
	NumTrainTimesteps int        `json:"num_train_timesteps"`
	BetaStart         float64    `json:"beta_start"`
	BetaEnd           float64    `json:"beta_end"`
	BetaSchedule      string     `json:"beta_schedule"` // "linear" or "scaled_linear"
	SetAlphaToOne     bool       `json:"set_alpha_to_one"`
	StepsOffset       int        `json:"steps_offset"`
	PredictionType    Prediction `json:"prediction_type"`
	ClipSample        bool       `json:"clip_sample"`
}

// Prediction is what a network was trained to predict.
type Prediction string

// The predictions of Stable Diffusion 1.x and 2.x.
const (
	Epsilon   Prediction = "epsilon"      // the noise
	VelocityV Prediction = "v_prediction" // sqrt(ᾱ)·noise - sqrt(1-ᾱ)·x0 (Salimans & Ho 2022, appendix D)
)

// DefaultConfig is what diffusers' DDIMScheduler takes for keys that are missing.
func DefaultConfig() Config {
	return Config{
		NumTrainTimesteps: 1000, BetaStart: 0.0001, BetaEnd: 0.02, BetaSchedule: "linear", SetAlphaToOne: true, PredictionType: Epsilon,
		ClipSample: true,
	}
}

// fixed are the keys that would make other steps.
var fixed = map[string]any{"thresholding": false, "rescale_betas_zero_snr": false, "timestep_spacing": "leading", "trained_betas": nil}

// ReadConfig reads and validates a scheduler_config.json.
func ReadConfig(fsys fs.FS, name string) (Config, error) {
	cfg := DefaultConfig()
	if err := config.Read(fsys, name, &cfg, fixed); err != nil {
		return cfg, fmt.Errorf("sampler: %w", err)
	}
	if err := cfg.Validate(); err != nil {
		return cfg, fmt.Errorf("sampler: %s: %w", name, err)
	}
	return cfg, nil
}

// Validate reports the first value that cannot be carried out.
func (c *Config) Validate() error {
	var check config.Check
	check.Int("num_train_timesteps", c.NumTrainTimesteps, 1, 1<<16)
	check.Float("beta_start", c.BetaStart, 1e-12, 0.999)
	check.Float("beta_end", c.BetaEnd, c.BetaStart, 0.999)
	check.OneOf("beta_schedule", c.BetaSchedule, "linear", "scaled_linear")
	check.Int("steps_offset", c.StepsOffset, 0, max(c.NumTrainTimesteps-1, 0))
	check.OneOf("prediction_type", string(c.PredictionType), string(Epsilon), string(VelocityV))
	if c.ClipSample {
		check.Add(errors.New(`"clip_sample": true is not supported (and is what a missing key means): Stable Diffusion's is false`))
	}
	return check.Err()
}
