package gemini_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sowgen/sowgen/sow/plan"
	"github.com/sowgen/sowgen/sow/plan/gemini"
	"github.com/sowgen/sowgen/sow/plan/internal/modeltest"
)

// reply is what the REST interface answers; finish is its word or, where enums are asked for as numbers, its number.
func reply(text string, finish any) string {
	data, _ := json.Marshal(map[string]any{
		"candidates": []any{map[string]any{
			"content":       map[string]any{"role": "model", "parts": []any{map[string]any{"text": text}}},
			"finishReason":  finish,
			"index":         0,
			"safetyRatings": []any{},
		}},
		"usageMetadata": map[string]any{"promptTokenCount": 900, "totalTokenCount": 1000},
		"modelVersion":  "gemini-flash", "responseId": "x",
	})
	return string(data)
}

func wire(t *testing.T) modeltest.Wire {
	return modeltest.Wire{
		Path: "/v1beta/models/gemini-flash-latest:generateContent", Header: "x-goog-api-key", Value: modeltest.Key,
		Error: func(code int, message string) string {
			data, _ := json.Marshal(map[string]any{"error": map[string]any{"code": code, "message": message, "status": "FAILED",
				"details": []any{map[string]any{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "API_KEY_INVALID"}}}})
			return string(data)
		},
	}
}

// inline finds the parts of the request; the two libraries spell keys alike.
func inline(t *testing.T, request map[string]any) (system, text, picture string, schema map[string]any) {
	parts := func(content any) []any { return content.(map[string]any)["parts"].([]any) }
	system = parts(request["systemInstruction"])[0].(map[string]any)["text"].(string)
	for _, p := range parts(request["contents"].([]any)[0]) {
		switch p := p.(map[string]any); {
		case p["inlineData"] != nil:
			data := p["inlineData"].(map[string]any)
			require.Equal(t, "image/jpeg", data["mimeType"])
			picture = data["data"].(string)
		default:
			text = p["text"].(string)
		}
	}
	config := request["generationConfig"].(map[string]any)
	require.Equal(t, "application/json", config["responseMimeType"])
	require.EqualValues(t, 0, config["temperature"])
	return system, text, picture, config["responseSchema"].(map[string]any)
}

func TestGenerativeAI(t *testing.T) {
	w := wire(t)
	w.New = func(endpoint, key string, wait time.Duration) (plan.Model, error) {
		return gemini.NewGenerativeAI(gemini.Config{Key: key, Endpoint: endpoint, Wait: wait})
	}
	w.Reply = func(text string) string { return reply(text, 1) } // it asks for enums as numbers
	w.Refused = `{"promptFeedback": {"blockReason": 1}}`
	w.Sent = func(t *testing.T, request map[string]any) (system, text, picture string, schema map[string]any) {
		system, text, picture, schema = inline(t, request)
		require.EqualValues(t, 6, schema["type"], "OBJECT")
		return system, text, picture, schema
	}
	modeltest.Run(t, w)
}

func TestGenAI(t *testing.T) {
	w := wire(t)
	w.New = func(endpoint, key string, wait time.Duration) (plan.Model, error) {
		return gemini.NewGenAI(gemini.Config{Key: key, Endpoint: endpoint, Wait: wait})
	}
	w.Reply = func(text string) string { return reply(text, "STOP") }
	w.Refused = `{"promptFeedback": {"blockReason": "SAFETY"}}`
	w.Sent = func(t *testing.T, request map[string]any) (system, text, picture string, schema map[string]any) {
		system, text, picture, schema = inline(t, request)
		require.EqualValues(t, "OBJECT", schema["type"])
		return system, text, picture, schema
	}
	modeltest.Run(t, w)
}

func TestConfig(t *testing.T) {
	for _, c := range []gemini.Config{{}, {Key: "k", Model: "../files"}, {Key: "k", Model: "a:b"}, {Key: "k", Model: "tunedModels/x"}} {
		_, err := gemini.NewGenAI(c)
		require.ErrorContains(t, err, "gemini: ")
		_, err = gemini.NewGenerativeAI(c)
		require.ErrorContains(t, err, "gemini: ")
	}
	m, err := gemini.NewGenAI(gemini.Config{Key: "k"})
	require.NoError(t, err)
	require.Equal(t, "gemini-flash-latest", m.Name())
}

// Example asks a server that always answers alike; without Endpoint it would be Google's.
func Example() {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, reply(`{"prompt": "a girl with a red hat in a snowy forest, soft light", "task": "normal", "box": [50, 250, 550, 750],
			"related": [{"label": "coat", "box": [500, 100, 1000, 900], "relation": 0.5, "source_box": [0, 0, 0, 0]}]}`, "STOP"))
	}))
	defer server.Close()
	model, err := gemini.NewGenAI(gemini.Config{Key: "k", Endpoint: server.URL})
	if err != nil {
		fmt.Println(err)
		return
	}
	planner := &plan.Vision{Model: model, Stages: plan.Stages{Place: true, Refine: true}} // the caption stays the user's
	p, err := planner.Plan(context.Background(), plan.Input{Prompt: "a girl with a red hat", Width: 512, Height: 512, Face: plan.Whole})
	fmt.Println(p.Prompt, p.Box, p.Related, err)
	// Output: a girl with a red hat [50 250 550 750] [{coat [500 100 1000 900] 0.5 <nil>}] <nil>
}
