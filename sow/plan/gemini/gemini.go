// Package gemini asks Google's Gemini for a plan, through either of Google's two Go libraries: [NewGenerativeAI] uses
// github.com/google/generative-ai-go, for which support ended in 2025, [NewGenAI] its successor google.golang.org/genai. Both speak the same
// REST interface; the transport below them is ours, so that the key is in a header with both, never in a URL, and busy servers, long replies
// and errors are treated alike.
package gemini

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/sowgen/sowgen/sow/plan/internal/remote"
)

// Endpoint is Google's.
const Endpoint = "https://generativelanguage.googleapis.com"

// DefaultModel is Google's name for its newest small model.
const DefaultModel = "gemini-flash-latest"

// Config says which model, and where.
type Config struct {
	Key      string
	Model    string // "": [DefaultModel]
	Endpoint string // "": [Endpoint]

	Wait time.Duration // before the second attempt at a busy server; 0: 1 s
}

// api is what both libraries are given.
type api struct {
	model  string
	server *remote.Server
	client *http.Client
}

func newAPI(c Config) (*api, error) {
	if c.Key == "" {
		return nil, errors.New("gemini: no key: https://aistudio.google.com/apikey gives one")
	}
	if c.Model == "" {
		c.Model = DefaultModel
	}
	// A model's name becomes part of a path.
	if strings.Trim(strings.ToLower(c.Model), "abcdefghijklmnopqrstuvwxyz0123456789.-_") != "" {
		return nil, fmt.Errorf("gemini: model %q: want a name such as %s", c.Model, DefaultModel)
	}
	if c.Endpoint == "" {
		c.Endpoint = Endpoint
	}
	s := &remote.Server{Endpoint: strings.TrimRight(c.Endpoint, "/"), Key: c.Key, Header: "x-goog-api-key", Wait: c.Wait}
	if err := s.Check(); err != nil {
		return nil, fmt.Errorf("gemini: %w", err)
	}
	return &api{model: c.Model, server: s, client: s.Client()}, nil
}

// Name implements [plan.Model].
func (a *api) Name() string {
	if a.server.Endpoint == Endpoint {
		return a.model
	}
	return fmt.Sprintf("%s at %s", a.model, a.server.Endpoint)
}

// answer returns the model's text, unless there is none.
func (a *api) answer(text, finish string) (string, error) {
	if text == "" {
		return "", fmt.Errorf("its reply is empty (finish reason %s)", a.server.Clean(finish))
	}
	if err := a.server.CheckReply(text); err != nil {
		return "", err
	}
	return text, nil
}

// survive makes an error of a panic of the library: genai 1.77 panics at replies of unexpected shapes.
func survive(err *error) {
	if recover() != nil {
		*err = errors.New("its reply is not what Gemini's interface says")
	}
}
