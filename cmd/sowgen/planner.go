package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/sowgen/sowgen/sow/plan"
	"github.com/sowgen/sowgen/sow/plan/gemini"
	"github.com/sowgen/sowgen/sow/plan/openai"
)

// planners are the values of --planner.
var planners = []string{"offline", "none", "gemini", "openai"}

// plannerFlags say which model plans, and how it is asked. Keys are not among them: everyone can read a command line.
type plannerFlags struct {
	set *pflag.FlagSet

	stages          plan.Stages
	model, endpoint string
	client, keyFile string
	timeout         time.Duration
	noCache         bool
}

func (p *plannerFlags) add(fs *pflag.FlagSet) {
	p.set, p.stages, p.client, p.timeout = fs, plan.AllStages, "generative-ai-go", plan.DefaultTimeout
	fs.Var(stagesValue{&p.stages}, "stages", "what the model decides: the caption, the place, what grows; rules decide the rest; none: all of it")
	fs.StringVar(&p.model, "planner-model", "", "`NAME` of the model, which must see pictures (SOWGEN_GEMINI_MODEL, default "+gemini.DefaultModel+"; SOWGEN_OPENAI_MODEL)")
	fs.StringVar(&p.endpoint, "planner-endpoint", "", "`URL` of its server (GOOGLE_GEMINI_BASE_URL; OPENAI_BASE_URL, as http://localhost:11434/v1 for Ollama)")
	fs.StringVar(&p.keyFile, "planner-key-file", "", "`FILE` with the key; without it, GOOGLE_API_KEY or GEMINI_API_KEY; OPENAI_API_KEY, which local servers do not want")
	fs.Var(choice[string]{&p.client, []string{"generative-ai-go", "genai"}}, "planner-client", "which of Google's two libraries talks to gemini")
	fs.Var(durationValue{&p.timeout}, "planner-timeout", "after which rules plan instead")
	fs.BoolVar(&p.noCache, "no-plan-cache", false, "ask again, and do not keep the answer")
}

// planner returns the planner of that name; nil for none.
func (p *plannerFlags) planner(name string) (plan.Planner, error) {
	var model plan.Model
	var err error
	switch name {
	case "gemini":
		model, err = p.gemini()
	case "openai":
		model, err = p.openai()
	default:
		var idle *pflag.Flag
		p.set.VisitAll(func(f *pflag.Flag) {
			if f.Changed {
				idle = f
			}
		})
		if idle != nil {
			return nil, wrongFlag(idle.Name, idle.Value, "it is about --planner gemini or openai")
		}
		if name == "none" {
			return nil, nil
		}
		return plan.Offline{}, nil
	}
	if err != nil {
		return nil, &usageError{fmt.Sprintf("--planner %s: %s", name, strings.TrimPrefix(err.Error(), name+": "))}
	}
	v := &plan.Vision{Model: model, Stages: p.stages, Timeout: p.timeout}
	if !p.noCache {
		if v.Cache, err = plan.DefaultCache(); err != nil {
			return nil, fmt.Errorf("%w: --no-plan-cache does without", err)
		}
	}
	return v, nil
}

func (p *plannerFlags) gemini() (plan.Model, error) {
	// In the order of Google's own libraries.
	key, err := p.key("GOOGLE_API_KEY", "GEMINI_API_KEY")
	if err != nil {
		return nil, err
	}
	if key == "" {
		return nil, errors.New("want a key in GEMINI_API_KEY or --planner-key-file FILE; https://aistudio.google.com/apikey gives one")
	}
	c := gemini.Config{Key: key, Model: or(p.model, "SOWGEN_GEMINI_MODEL"), Endpoint: or(p.endpoint, "GOOGLE_GEMINI_BASE_URL")}
	if p.client == "genai" {
		return gemini.NewGenAI(c)
	}
	return gemini.NewGenerativeAI(c)
}

func (p *plannerFlags) openai() (plan.Model, error) {
	key, err := p.key("OPENAI_API_KEY")
	if err != nil {
		return nil, err
	}
	c := openai.Config{Key: key, Model: or(p.model, "SOWGEN_OPENAI_MODEL"), Endpoint: or(p.endpoint, "OPENAI_BASE_URL")}
	switch {
	case p.set.Changed("planner-client"):
		return nil, errors.New("--planner-client is about --planner gemini")
	case c.Model == "":
		return nil, errors.New("want --planner-model NAME, of a model that sees pictures, such as qwen2.5vl")
	case c.Endpoint == "" && key == "":
		return nil, errors.New("want --planner-endpoint URL, such as http://localhost:11434/v1 (Ollama), or a key for OpenAI's own in OPENAI_API_KEY")
	}
	return openai.New(c)
}

// or returns a flag's value or, if it is empty, the environment's.
func or(value, variable string) string {
	if value != "" {
		return value
	}
	return os.Getenv(variable)
}

// key returns the key in --planner-key-file, else in the first of the variables that is set; "" if there is none. Its errors do not hold it.
func (p *plannerFlags) key(variables ...string) (string, error) {
	if p.keyFile == "" {
		for _, name := range variables {
			if key := strings.TrimSpace(os.Getenv(name)); key != "" {
				return key, nil
			}
		}
		return "", nil
	}
	f, err := os.Open(p.keyFile)
	if err != nil {
		return "", fmt.Errorf("--planner-key-file: %w", err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, 4097))
	if err != nil {
		return "", fmt.Errorf("--planner-key-file: %w", err)
	}
	data = bytes.TrimSpace(data)
	if len(data) == 0 || len(data) > 4096 || bytes.ContainsAny(data, "\r\n") {
		return "", fmt.Errorf("--planner-key-file %s: want one line, the key", p.keyFile)
	}
	return string(data), nil
}

// stagesValue is a list of planning stages.
type stagesValue struct{ stages *plan.Stages }

func (v stagesValue) String() string {
	if v.stages == nil {
		return ""
	}
	return v.stages.String()
}
func (v stagesValue) Type() string { return "LIST" }

func (v stagesValue) Set(s string) (err error) {
	stages, err := plan.ParseStages(s)
	if err == nil {
		*v.stages = stages
	}
	return err
}

// durationValue is a time such as 90s.
type durationValue struct{ d *time.Duration }

func (v durationValue) String() string {
	if v.d == nil {
		return ""
	}
	return v.d.String()
}
func (v durationValue) Type() string { return "TIME" }

func (v durationValue) Set(s string) error {
	d, err := time.ParseDuration(s)
	if err != nil || d <= 0 || d > time.Hour {
		return errors.New("want a time of at most an hour, such as 90s or 2m")
	}
	*v.d = d
	return nil
}
