package openai_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sowgen/sowgen/sow/plan"
	"github.com/sowgen/sowgen/sow/plan/internal/modeltest"
	"github.com/sowgen/sowgen/sow/plan/openai"
)

func reply(text string) string {
	quoted, _ := json.Marshal(text)
	return fmt.Sprintf(`{"id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "m", "choices": [{"index": 0, "message":
		{"role": "assistant", "content": %s, "refusal": null}, "finish_reason": "stop"}], "usage": {"total_tokens": 9}}`, quoted)
}

// Example asks a server that always answers alike.
func Example() {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, reply(`{"prompt": "a man at a desk, lamp light", "task": "normal", "box": [100, 250, 600, 750], "related": []}`))
	}))
	defer server.Close()
	model, err := openai.New(openai.Config{Model: "qwen2.5vl", Endpoint: server.URL + "/v1"})
	if err != nil {
		fmt.Println(err)
		return
	}
	planner := &plan.Vision{Model: model, Stages: plan.AllStages}
	p, err := planner.Plan(context.Background(), plan.Input{Prompt: "a man at a desk", Width: 512, Height: 512, Face: plan.Whole})
	fmt.Println(p.Prompt, p.Box, err)
	// Output: a man at a desk, lamp light [100 250 600 750] <nil>
}

func TestModel(t *testing.T) {
	modeltest.Run(t, modeltest.Wire{
		New: func(endpoint, key string, wait time.Duration) (plan.Model, error) {
			return openai.New(openai.Config{Model: "qwen2.5vl:7b", Endpoint: endpoint, Key: key, Wait: wait})
		},
		Path: "/chat/completions", Header: "Authorization", Value: "Bearer " + modeltest.Key,
		Reply: reply,
		Error: func(code int, message string) string {
			quoted, _ := json.Marshal(message)
			return fmt.Sprintf(`{"error": {"message": %s, "type": "invalid_request_error", "param": null, "code": "%d"}}`, quoted, code)
		},
		Refused:  `{"choices": [{"index": 0, "message": {"role": "assistant", "content": null, "refusal": "I can't help with that."}, "finish_reason": "stop"}]}`,
		BadTwice: true,
		Sent: func(t *testing.T, request map[string]any) (system, text, picture string, schema map[string]any) {
			require.Equal(t, "qwen2.5vl:7b", request["model"])
			require.EqualValues(t, 0, request["temperature"])
			messages := request["messages"].([]any)
			require.Len(t, messages, 2)
			first, second := messages[0].(map[string]any), messages[1].(map[string]any)
			require.Equal(t, "system", first["role"])
			require.Equal(t, "user", second["role"])
			for _, part := range second["content"].([]any) {
				switch part := part.(map[string]any); part["type"] {
				case "text":
					text = part["text"].(string)
				case "image_url":
					var ok bool
					picture, ok = strings.CutPrefix(part["image_url"].(map[string]any)["url"].(string), "data:image/jpeg;base64,")
					require.True(t, ok)
				}
			}
			format := request["response_format"].(map[string]any)
			require.Equal(t, "json_schema", format["type"])
			named := format["json_schema"].(map[string]any)
			require.Equal(t, true, named["strict"])
			schema = named["schema"].(map[string]any)
			require.Equal(t, "object", schema["type"])
			require.Equal(t, false, schema["additionalProperties"], "strict mode wants it")
			return first["content"].(string), text, picture, schema
		},
	})
}

// TestPlainServers: a server that knows no schema or no temperature is asked without.
func TestPlainServers(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var request map[string]any
		json.NewDecoder(r.Body).Decode(&request)
		if request["response_format"] != nil || request["temperature"] != nil {
			w.WriteHeader(400)
			io.WriteString(w, `{"error": "unsupported parameter"}`)
			return
		}
		require.Empty(t, r.Header.Get("Authorization"), "no key, no header")
		io.WriteString(w, reply("hello"))
	}))
	defer s.Close()
	m, err := openai.New(openai.Config{Model: "m", Endpoint: s.URL + "/"})
	require.NoError(t, err)
	text, err := m.Ask(t.Context(), plan.Question{System: "s", Text: "t"})
	require.NoError(t, err)
	require.Equal(t, "hello", text)
	_, err = openai.New(openai.Config{})
	require.ErrorContains(t, err, "no model")
	m, err = openai.New(openai.Config{Model: "gpt"})
	require.NoError(t, err)
	require.Equal(t, "gpt at https://api.openai.com/v1", m.Name())
}

// A word that local servers want for a key may stand in a plan.
func TestWordAsKey(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, reply("an ollama")) }))
	defer s.Close()
	m, err := openai.New(openai.Config{Model: "m", Endpoint: s.URL, Key: "ollama"})
	require.NoError(t, err)
	text, err := m.Ask(t.Context(), plan.Question{})
	require.NoError(t, err)
	require.Equal(t, "an ollama", text)
}
