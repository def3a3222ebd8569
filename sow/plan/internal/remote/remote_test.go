package remote_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sowgen/sowgen/sow/plan/internal/remote"
)

func Example() {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, `{"said": %q}`, r.Header.Get("Authorization"))
	}))
	defer server.Close()
	s := &remote.Server{Endpoint: server.URL, Key: "k", Header: "Authorization", Prefix: "Bearer "}
	resp, err := s.Client().Post(server.URL, "application/json", strings.NewReader("{}"))
	if err != nil {
		fmt.Println(s.Explain(err))
		return
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	fmt.Println(string(body), err)
	// Output: {"said": "Bearer k"} <nil>
}

// script answers from a list, in a time that passes when nothing happens.
type script struct {
	answers []func() (*http.Response, error)
	at      []time.Time
	bodies  []string
}

func (s *script) RoundTrip(r *http.Request) (*http.Response, error) {
	body, _ := io.ReadAll(r.Body)
	s.bodies, s.at = append(s.bodies, string(body)), append(s.at, time.Now())
	n := min(len(s.at), len(s.answers)) - 1
	return s.answers[n]()
}

func status(code int, header ...string) func() (*http.Response, error) {
	return func() (*http.Response, error) {
		h := http.Header{}
		for i := 0; i < len(header); i += 2 {
			h.Set(header[i], header[i+1])
		}
		return &http.Response{StatusCode: code, Header: h, Body: io.NopCloser(strings.NewReader("{}"))}, nil
	}
}

func post(ctx context.Context, s *script) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://model.example/x?key=secretsecretsecret", strings.NewReader("question"))
	if err != nil {
		return nil, err
	}
	server := &remote.Server{Endpoint: "http://model.example", Key: "secretsecretsecret", Header: "x-key", Base: s}
	resp, err := server.Client().Do(req)
	return resp, server.Explain(err)
}

// TestBackOff: waits double, within half more or less; the same question goes out each time; Retry-After is a number or a date.
func TestBackOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &script{answers: []func() (*http.Response, error){status(500), status(502), func() (*http.Response, error) { return nil, errors.New("reset") }, status(200)}}
		_, err := post(t.Context(), s)
		require.NoError(t, err)
		require.Equal(t, []string{"question", "question", "question", "question"}, s.bodies)
		for i, want := range []time.Duration{time.Second, 2 * time.Second, 4 * time.Second} {
			pause := s.at[i+1].Sub(s.at[i])
			require.GreaterOrEqual(t, pause, want/2)
			require.LessOrEqual(t, pause, want*3/2)
		}

		s = &script{answers: []func() (*http.Response, error){status(503)}}
		_, err = post(t.Context(), s)
		require.ErrorContains(t, err, "503")
		require.Len(t, s.at, 4)

		s = &script{answers: []func() (*http.Response, error){status(429, "Retry-After", "20"),
			status(429, "Retry-After", time.Now().Add(60*time.Second).UTC().Format(http.TimeFormat)), status(503, "Retry-After", "soon"), status(200)}}
		_, err = post(t.Context(), s)
		require.NoError(t, err)
		require.Equal(t, 20*time.Second, s.at[1].Sub(s.at[0]))
		require.InDelta(t, 40, s.at[2].Sub(s.at[1]).Seconds(), 1)
		require.Less(t, s.at[3].Sub(s.at[2]), 7*time.Second)

		// Cancelled while waiting.
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(10*time.Second, cancel)
		s = &script{answers: []func() (*http.Response, error){status(429, "Retry-After", "3600")}}
		started := time.Now()
		_, err = post(ctx, s)
		require.ErrorIs(t, err, context.Canceled)
		require.Equal(t, 10*time.Second, time.Since(started))
	})
}

// TestErrorsAreClean: no URL, no key, one line.
func TestErrorsAreClean(t *testing.T) {
	for _, s := range []*script{
		{answers: []func() (*http.Response, error){status(400)}},
		{answers: []func() (*http.Response, error){status(301, "Location", "http://elsewhere/?key=secretsecretsecret")}},
		{answers: []func() (*http.Response, error){func() (*http.Response, error) {
			return &http.Response{StatusCode: 418, Header: http.Header{}, Body: io.NopCloser(strings.NewReader("no\n\x1b[2J secretsecretsecret " + strings.Repeat("x", 9999)))}, nil
		}}},
	} {
		_, err := post(t.Context(), s)
		require.Error(t, err)
		require.NotContains(t, err.Error(), "secret")
		require.NotContains(t, err.Error(), "http://")
		require.NotContains(t, err.Error(), "\n")
		require.NotContains(t, err.Error(), "\x1b")
		require.Less(t, len(err.Error()), 600)
		require.Len(t, s.at, 1)
	}
}
