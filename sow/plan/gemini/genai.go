package gemini

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"google.golang.org/genai"

	"github.com/sowgen/sowgen/sow/plan"
)

// GenAI is a [plan.Model] through google.golang.org/genai.
type GenAI struct {
	*api
	client *genai.Client
}

// NewGenAI returns the model. Nothing is sent yet.
func NewGenAI(c Config) (*GenAI, error) {
	a, err := newAPI(c)
	if err != nil {
		return nil, err
	}
	client, err := genai.NewClient(context.Background(), &genai.ClientConfig{
		APIKey: c.Key, Backend: genai.BackendGeminiAPI, HTTPClient: a.client, HTTPOptions: genai.HTTPOptions{BaseURL: a.server.Endpoint},
	})
	if err != nil {
		return nil, fmt.Errorf("gemini: %w", a.server.Explain(err)) // the library's text holds the whole configuration
	}
	return &GenAI{a, client}, nil
}

// Ask implements [plan.Model].
func (m *GenAI) Ask(ctx context.Context, q plan.Question) (_ string, err error) {
	defer survive(&err)
	parts := []*genai.Part{genai.NewPartFromText(q.Text)}
	if q.Picture != nil {
		parts = append(parts, genai.NewPartFromBytes(q.Picture, "image/jpeg"))
	}
	resp, err := m.client.Models.GenerateContent(ctx, m.model, []*genai.Content{genai.NewContentFromParts(parts, genai.RoleUser)}, &genai.GenerateContentConfig{
		SystemInstruction: genai.NewContentFromText(q.System, genai.RoleUser),
		Temperature:       new(float32),
		ResponseMIMEType:  "application/json",
		ResponseSchema:    newSchema(q.Schema),
	})
	if err != nil {
		return "", m.server.Explain(err)
	}
	if f := resp.PromptFeedback; f != nil && f.BlockReason != "" {
		return "", errors.New(m.server.Clean("the model refuses: blocked: prompt: " + string(f.BlockReason)))
	}
	if len(resp.Candidates) == 0 || resp.Candidates[0] == nil {
		return "", errors.New("its reply has no candidates")
	}
	c := resp.Candidates[0]
	var text strings.Builder
	if c.Content != nil {
		for _, p := range c.Content.Parts {
			if p != nil && !p.Thought {
				text.WriteString(p.Text)
			}
		}
	}
	return m.answer(text.String(), string(c.FinishReason))
}

func newSchema(s *plan.Schema) *genai.Schema {
	if s == nil {
		return nil
	}
	out := &genai.Schema{Type: genai.Type(strings.ToUpper(s.Type)), Enum: s.Enum, Items: newSchema(s.Items), Required: s.Required, PropertyOrdering: s.Required}
	if s.Enum != nil {
		out.Format = "enum"
	}
	if s.MinItems > 0 {
		out.MinItems = genai.Ptr(int64(s.MinItems))
	}
	if s.MaxItems > 0 {
		out.MaxItems = genai.Ptr(int64(s.MaxItems))
	}
	for name, p := range s.Properties {
		if out.Properties == nil {
			out.Properties = map[string]*genai.Schema{}
		}
		out.Properties[name] = newSchema(p)
	}
	return out
}
