// Package openai asks any server that speaks OpenAI's chat completions for a plan: Ollama, llama.cpp, vLLM, LM Studio, OpenAI itself. The
// model must see pictures.
package openai

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/sowgen/sowgen/sow/plan"
	"github.com/sowgen/sowgen/sow/plan/internal/remote"
)

// Endpoint is OpenAI's own. Ollama's is http://localhost:11434/v1, llama.cpp's http://localhost:8080/v1, vLLM's http://localhost:8000/v1,
// LM Studio's http://localhost:1234/v1.
const Endpoint = "https://api.openai.com/v1"

// Config says which model, and where.
type Config struct {
	Model    string
	Endpoint string // "": [Endpoint]
	Key      string // "": none, as local servers have it

	Wait time.Duration // before the second attempt at a busy server; 0: 1 s
}

// Model is a [plan.Model].
type Model struct {
	name   string
	server *remote.Server
	client *http.Client
}

// New returns the model. Nothing is sent yet.
func New(c Config) (*Model, error) {
	if c.Model == "" {
		return nil, errors.New("openai: no model named: want one that sees pictures, such as qwen2.5vl")
	}
	if c.Endpoint == "" {
		c.Endpoint = Endpoint
	}
	s := &remote.Server{Endpoint: strings.TrimRight(c.Endpoint, "/"), Key: c.Key, Header: "Authorization", Prefix: "Bearer ", Wait: c.Wait}
	if err := s.Check(); err != nil {
		return nil, fmt.Errorf("openai: %w", err)
	}
	return &Model{name: c.Model, server: s, client: s.Client()}, nil
}

// Name implements [plan.Model].
func (m *Model) Name() string { return fmt.Sprintf("%s at %s", m.name, m.server.Endpoint) }

// The parts of chat completions that are used.
type (
	request struct {
		Model       string          `json:"model"`
		Messages    []message       `json:"messages"`
		Temperature *float64        `json:"temperature,omitempty"`
		Format      *responseFormat `json:"response_format,omitempty"`
	}
	message struct {
		Role    string `json:"role"`
		Content any    `json:"content"` // a string, or []part
	}
	part struct {
		Type     string    `json:"type"`
		Text     string    `json:"text,omitempty"`
		ImageURL *imageURL `json:"image_url,omitempty"`
	}
	imageURL struct {
		URL string `json:"url"`
	}
	responseFormat struct {
		Type       string     `json:"type"`
		JSONSchema jsonSchema `json:"json_schema"`
	}
	jsonSchema struct {
		Name   string       `json:"name"`
		Strict bool         `json:"strict"`
		Schema *plan.Schema `json:"schema"`
	}
	response struct {
		Choices []struct {
			Message struct {
				Content string `json:"content"`
				Refusal string `json:"refusal"`
			} `json:"message"`
			FinishReason string `json:"finish_reason"`
		} `json:"choices"`
	}
)

// Ask implements [plan.Model].
func (m *Model) Ask(ctx context.Context, q plan.Question) (string, error) {
	content := []part{{Type: "text", Text: q.Text}}
	if q.Picture != nil {
		content = append(content, part{Type: "image_url", ImageURL: &imageURL{"data:image/jpeg;base64," + base64.StdEncoding.EncodeToString(q.Picture)}})
	}
	r := request{
		Model:       m.name,
		Messages:    []message{{"system", q.System}, {"user", content}},
		Temperature: new(float64),
		Format:      &responseFormat{"json_schema", jsonSchema{"plan", true, q.Schema}},
	}
	text, err := m.complete(ctx, &r)
	var refused *remote.StatusError
	if errors.As(err, &refused) && refused.Code == http.StatusBadRequest {
		// Some models take no temperature, some servers no schema. The instructions say what the answer must be; it is checked in any case.
		r.Temperature, r.Format = nil, nil
		text, err = m.complete(ctx, &r)
	}
	return text, err
}

func (m *Model) complete(ctx context.Context, r *request) (string, error) {
	body, err := json.Marshal(r)
	if err != nil {
		return "", fmt.Errorf("openai: %w", err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, m.server.Endpoint+"/chat/completions", bytes.NewReader(body))
	if err != nil {
		return "", m.server.Explain(err)
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := m.client.Do(req)
	if err != nil {
		return "", m.server.Explain(err)
	}
	defer resp.Body.Close()
	reply, err := io.ReadAll(resp.Body) // the client has bounded it
	if err != nil {
		return "", m.server.Explain(err)
	}
	var out response
	if err := json.Unmarshal(reply, &out); err != nil {
		return "", fmt.Errorf("it does not speak OpenAI's chat completions: %s", m.server.Clean(err.Error()))
	}
	if len(out.Choices) == 0 {
		return "", errors.New("its reply has no choices")
	}
	c := &out.Choices[0]
	switch {
	case c.Message.Refusal != "":
		return "", fmt.Errorf("the model refuses: %s", m.server.Clean(c.Message.Refusal))
	case c.Message.Content == "":
		return "", fmt.Errorf("its reply is empty (finish reason %q)", m.server.Clean(c.FinishReason))
	}
	if err := m.server.CheckReply(c.Message.Content); err != nil {
		return "", err
	}
	return c.Message.Content, nil
}
