package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sowgen/sowgen/sow/picture"
	"github.com/sowgen/sowgen/sow/plan"
)

// secretKey must not come out anywhere.
const secretKey = "sk-0123456789-very-secret"

// planServer speaks OpenAI's and Gemini's wire formats and always plans alike; it counts its requests and checks their key.
func planServer(t *testing.T, key string) (url string, asked *atomic.Int32) {
	asked = &atomic.Int32{}
	const answer = `{"prompt": "a girl with a red hat, snow falling", "task": "normal", "box": [0, 0, 500, 500],
		"related": [{"label": "coat", "box": [500, 0, 1000, 700], "relation": 0.5, "source_box": [0, 0, 0, 0]}]}`
	text, err := json.Marshal(answer)
	require.NoError(t, err)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		switch {
		case r.Header.Get("Authorization") == "Bearer "+key && strings.HasSuffix(r.URL.Path, "/v1/chat/completions"):
			fmt.Fprintf(w, `{"choices": [{"message": {"content": %s}}]}`, text)
		case r.Header.Get("x-goog-api-key") == key && strings.HasSuffix(r.URL.Path, ":generateContent"):
			fmt.Fprintf(w, `{"candidates": [{"content": {"parts": [{"text": %s}]}}]}`, text)
		default:
			w.WriteHeader(http.StatusUnauthorized)
			fmt.Fprintf(w, `{"error": {"message": "wrong key %s"}}`, strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer "))
		}
		io.Copy(io.Discard, r.Body)
	}))
	t.Cleanup(s.Close)
	return s.URL, asked
}

// plannersAlone keeps the user's own keys, servers and plans out of a test.
func plannersAlone(t *testing.T) {
	workIn(t)
	for _, name := range []string{"OPENAI_API_KEY", "OPENAI_BASE_URL", "SOWGEN_OPENAI_MODEL", "GEMINI_API_KEY", "GOOGLE_API_KEY", "GOOGLE_GEMINI_BASE_URL", "SOWGEN_GEMINI_MODEL"} {
		t.Setenv(name, "")
	}
	cache := t.TempDir()
	t.Setenv("XDG_CACHE_HOME", cache)
	t.Setenv("HOME", cache)
}

func condition(t *testing.T) string { return testdata(t, "condition.png") }

func TestPlanOffline(t *testing.T) {
	plannersAlone(t)
	o := must(t, "plan", "--face", condition(t), "--prompt", "a girl on the left", "--size", "256x128", "-o", "plan.png")
	p, err := plan.Parse([]byte(o.stdout))
	require.NoError(t, err)
	assert.Equal(t, "a girl on the left", p.Prompt)
	assert.Equal(t, plan.Box{0, 50, 500, 550}, p.Box)
	img, err := picture.Read("plan.png")
	require.NoError(t, err)
	assert.Equal(t, 480, img.Bounds().Dy())
	assert.Equal(t, 960, img.Bounds().Dx())

	// Edited, drawn and carried out.
	require.NoError(t, os.WriteFile("plan.json", []byte(strings.Replace(o.stdout, `"body"`, `"coat"`, 1)), 0o600))
	again := must(t, "plan", "--face", condition(t), "--plan", "plan.json", "-o", "again.png")
	assert.Contains(t, again.stdout, `"coat"`)
	must(t, quick(t, "--plan", "plan.json", "--prompt", "a girl on the left", "-o", "out.png")...)
	boxed := must(t, "plan", "--face", condition(t), "--prompt", "x", "--box", "0,0,256,256")
	p, err = plan.Parse([]byte(boxed.stdout))
	require.NoError(t, err)
	assert.Equal(t, plan.Box{0, 0, 500, 500}, p.Box)
}

// TestPlanByModel: every planner and library, the key from the environment or a file; a second time the answer is at hand.
func TestPlanByModel(t *testing.T) {
	for name, args := range map[string][]string{
		"openai":           {"--planner", "openai", "--planner-model", "qwen2.5vl"},
		"gemini":           {"--planner", "gemini"},
		"gemini, genai":    {"--planner", "gemini", "--planner-client", "genai", "--planner-model", "gemini-x"},
		"openai, key file": {"--planner", "openai", "--planner-model", "qwen2.5vl", "--planner-key-file", "key"},
	} {
		t.Run(name, func(t *testing.T) {
			plannersAlone(t)
			url, asked := planServer(t, secretKey)
			t.Setenv("GOOGLE_GEMINI_BASE_URL", url)
			t.Setenv("OPENAI_BASE_URL", url+"/v1")
			if strings.Contains(name, "file") {
				require.NoError(t, os.WriteFile("key", []byte(secretKey+"\n"), 0o600))
			} else {
				t.Setenv("GEMINI_API_KEY", secretKey)
				t.Setenv("OPENAI_API_KEY", secretKey)
			}
			args := append([]string{"plan", "--face", condition(t), "--mask", "auto", "--prompt", "a girl with a red hat"}, args...)
			o := must(t, args...)
			assert.Empty(t, o.stderr)
			p, err := plan.Parse([]byte(o.stdout))
			require.NoError(t, err)
			assert.Equal(t, "a girl with a red hat, snow falling", p.Prompt)
			assert.Equal(t, "coat", p.Related[0].Label)
			assert.EqualValues(t, 1, asked.Load())
			assert.Equal(t, o, must(t, args...))
			assert.EqualValues(t, 1, asked.Load(), "kept")
			must(t, append(args, "--no-plan-cache")...)
			assert.EqualValues(t, 2, asked.Load())
			o = must(t, append(args, "--stages", "place")...)
			assert.Contains(t, o.stdout, `"prompt": "a girl with a red hat"`)
			assert.EqualValues(t, 3, asked.Load())
			assert.NotContains(t, o.stdout+o.stderr, secretKey)
			for _, f := range list(t, os.Getenv("XDG_CACHE_HOME")) {
				data, err := os.ReadFile(f)
				require.NoError(t, err)
				assert.NotContains(t, f+string(data), secretKey)
			}
		})
	}
}

// TestGenerateByModel: the picture carries the model's plan and no key; a model that cannot be asked costs a warning.
func TestGenerateByModel(t *testing.T) {
	plannersAlone(t)
	url, _ := planServer(t, secretKey)
	t.Setenv("OPENAI_API_KEY", secretKey)
	remote := []string{"--planner", "openai", "--planner-model", "m", "--planner-endpoint", url + "/v1"}
	o := must(t, append(quick(t, "--json", "-o", "out.png", "--save-plan", "plan.json"), remote...)...)
	assert.Contains(t, o.stdout, "snow falling")
	for _, file := range []string{"out.png", "plan.json"} {
		data, err := os.ReadFile(file)
		require.NoError(t, err)
		assert.Contains(t, string(data), "snow falling")
		assert.NotContains(t, string(data)+o.stdout+o.stderr, secretKey)
	}

	t.Setenv("OPENAI_API_KEY", "sk-another-long-wrong-key")
	o = must(t, append(quick(t, "-o", "warned.png", "--no-plan-cache"), remote...)...)
	assert.Contains(t, o.stderr, "warning: m at "+url+"/v1 did not plan (it answered 401 Unauthorized (is the key right?): wrong key (key)); the offline rules did")
	assert.NotContains(t, o.stdout+o.stderr, "another-long")
}

func TestPlanRefuses(t *testing.T) {
	plannersAlone(t)
	require.NoError(t, os.WriteFile("empty.key", nil, 0o600))
	require.NoError(t, os.WriteFile("two.key", []byte(secretKey+"\n"+secretKey), 0o600))
	before := list(t, ".")
	with := func(args ...string) []string {
		return append([]string{"plan", "--face", condition(t), "--prompt", "x"}, args...)
	}
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"plan", "--prompt", "x"}, "--condition"},
		{[]string{"plan", "--face", condition(t)}, "--prompt is missing"},
		{with("--planner", "magic"), "want offline, gemini or openai"},
		{with("--planner", "gemini"), "GEMINI_API_KEY"},
		{with("--planner", "openai"), "--planner-model"},
		{with("--planner", "openai", "--planner-model", "m"), "--planner-endpoint"},
		{with("--planner", "openai", "--planner-model", "m", "--planner-endpoint", "ftp://x"), "http://"},
		{with("--planner", "openai", "--planner-model", "m", "--planner-client", "genai"), "is about --planner gemini"},
		{with("--planner", "openai", "--planner-key-file", "none.key"), "none.key"},
		{with("--planner", "openai", "--planner-key-file", "empty.key"), "want one line"},
		{with("--planner", "openai", "--planner-key-file", "two.key"), "want one line"},
		{with("--planner-model", "m"), "--planner-model m: it is about --planner gemini or openai"},
		{with("--stages", "place"), "--stages place: it is about"},
		{with("--planner", "gemini", "--stages", "all"), "prompt, place, refine"},
		{with("--planner", "gemini", "--planner-timeout", "never"), "such as 90s"},
		{with("--size", "4x4"), "want 16"},
		{with("-o", "plan.jpg"), ".png"},
		{with("--keep", "black"), "--mask"},
		{with("--plan", "none.json", "--planner", "gemini"), "plan"},
	} {
		o := sowgen(t, c.args...)
		o.refuses(t, exitUsage, before, c.want)
		assert.NotContains(t, o.stderr, secretKey)
	}
	sowgen(t, with("--plan", "none.json")...).refuses(t, exitFailed, before, "none.json")
	sowgen(t, with("--model", filepath.Join(t.TempDir(), "none"))...).refuses(t, exitFailed, before, "none")
	sowgen(t, quick(t, "--stages", "place", "-o", "out.png")...).refuses(t, exitUsage, before, "it is about --planner gemini or openai")
}
