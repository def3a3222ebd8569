// Package remote is how planners talk to a model's server: an HTTP transport that holds the key, tries again when the server is busy,
// and reads no more than a plan can be; and errors that never hold the key.
package remote

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// Server is where a model is.
type Server struct {
	Endpoint string // an http or https URL without user, query and fragment
	Key      string // ""; for servers that want none

	Header   string            // that carries the key, as "Authorization"
	Prefix   string            // before the key in it, as "Bearer "
	Attempts int               // at most; 0: 4
	Wait     time.Duration     // before the second attempt, doubled from then on; 0: 1 s
	MaxReply int64             // bytes; 0: 1 MiB
	Base     http.RoundTripper // nil: http.DefaultTransport's settings without kept connections
}

// Check reports an endpoint or a key that cannot be used.
func (s *Server) Check() error {
	u, err := url.Parse(s.Endpoint)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return errors.New("endpoint: want a URL that begins with http:// or https://")
	}
	if u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return fmt.Errorf("endpoint %s://%s: want it without user, query and fragment: keys come from the environment or a file", u.Scheme, u.Host)
	}
	if strings.ContainsFunc(s.Key, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return errors.New("the key has characters that no key has")
	}
	return nil
}

// Host is what messages call the server.
func (s *Server) Host() string {
	u, err := url.Parse(s.Endpoint)
	if err != nil {
		return ""
	}
	return u.Host
}

// Client returns an HTTP client whose requests carry the key, are repeated while the server is busy, and end with a complete reply of
// status 200 to 299 or an error; see [Server.Explain]. It keeps no connections and follows no redirect, which could lead the key elsewhere.
func (s *Server) Client() *http.Client {
	base := s.Base
	if base == nil {
		t := http.DefaultTransport.(*http.Transport).Clone()
		t.DisableKeepAlives = true // one or two requests a picture: nothing to keep a goroutine for
		t.MaxResponseHeaderBytes = 64 << 10
		base = t
	}
	return &http.Client{Transport: &transport{Server: s, base: base}}
}

type transport struct {
	*Server
	base http.RoundTripper
}

// RoundTrip implements http.RoundTripper.
func (t *transport) RoundTrip(req *http.Request) (*http.Response, error) {
	var body []byte
	if req.Body != nil {
		var err error
		body, err = io.ReadAll(req.Body)
		req.Body.Close()
		if err != nil {
			return nil, err
		}
	}
	wait := cmp.Or(t.Wait, time.Second)
	for attempt := 1; ; attempt++ {
		resp, err := t.once(req, body)
		if err == nil {
			return resp, nil
		}
		pause, again := t.again(err, wait)
		if !again || attempt >= cmp.Or(t.Attempts, 4) {
			return nil, err
		}
		if deadline, ok := req.Context().Deadline(); ok && time.Until(deadline) < pause {
			return nil, err // it would be over before
		}
		timer := time.NewTimer(pause)
		select {
		case <-req.Context().Done():
			timer.Stop()
			return nil, req.Context().Err()
		case <-timer.C:
		}
		wait *= 2
	}
}

// once sends the request one time.
func (t *transport) once(req *http.Request, body []byte) (*http.Response, error) {
	out := req.Clone(req.Context()) // a transport must not change its request
	out.Body = io.NopCloser(bytes.NewReader(body))
	out.ContentLength = int64(len(body))
	out.GetBody = nil
	if t.Key != "" {
		out.Header.Set(t.Header, t.Prefix+t.Key)
	}
	resp, err := t.base.RoundTrip(out)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	limit := cmp.Or(t.MaxReply, 1<<20)
	reply, err := io.ReadAll(io.LimitReader(resp.Body, limit+1))
	if err != nil {
		return nil, fmt.Errorf("its reply breaks off: %w", err)
	}
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		return nil, t.status(resp, reply)
	}
	if int64(len(reply)) > limit {
		return nil, &BadReplyError{fmt.Sprintf("its reply has over %d bytes", limit)}
	}
	if !json.Valid(reply) || !bytes.HasPrefix(bytes.TrimSpace(reply), []byte("{")) {
		return nil, &BadReplyError{"its reply is not a JSON object, or only a part of one"} // client libraries take that badly
	}
	resp.Body, resp.ContentLength = io.NopCloser(bytes.NewReader(reply)), int64(len(reply))
	return resp, nil
}

// BadReplyError is a reply that cannot hold a plan.
type BadReplyError struct{ Reason string }

func (e *BadReplyError) Error() string { return e.Reason }

// StatusError is a refusal.
type StatusError struct {
	Code       int
	Message    string        // the server's, without the key
	RetryAfter time.Duration // as the server asked; 0 if it did not
}

func (e *StatusError) Error() string {
	text := fmt.Sprintf("it answered %d %s", e.Code, http.StatusText(e.Code))
	switch {
	case e.Code == http.StatusUnauthorized || e.Code == http.StatusForbidden:
		text += " (is the key right?)"
	case e.Code == http.StatusNotFound:
		text += " (are the endpoint and the model's name right?)"
	case e.Code >= 300 && e.Code < 400:
		text += " (redirects are not followed: give the final endpoint)"
	case e.RetryAfter > 0:
		text += fmt.Sprintf(" (try again in %v)", e.RetryAfter.Round(time.Second))
	}
	if e.Message != "" {
		text += ": " + e.Message
	}
	return text
}

func (t *transport) status(resp *http.Response, reply []byte) error {
	e := &StatusError{Code: resp.StatusCode}
	if after := resp.Header.Get("Retry-After"); after != "" {
		if seconds, err := strconv.ParseUint(after, 10, 31); err == nil {
			e.RetryAfter = time.Duration(seconds) * time.Second
		} else if at, err := http.ParseTime(after); err == nil {
			e.RetryAfter = max(time.Until(at), 0)
		}
	}
	// OpenAI's, Google's and Ollama's ways of saying what is wrong.
	var said struct {
		Error json.RawMessage `json:"error"`
	}
	message := string(reply)
	if json.Unmarshal(reply, &said) == nil && len(said.Error) > 0 {
		var object struct {
			Message string `json:"message"`
		}
		if json.Unmarshal(said.Error, &message) != nil && json.Unmarshal(said.Error, &object) == nil {
			message = object.Message
		}
	}
	e.Message = t.Clean(message)
	return e
}

// again tells whether a failed attempt is worth another, and after how long: twice as long each time, up to half more or less so that
// many clients do not return together, and never sooner than the server asked.
func (t *transport) again(err error, wait time.Duration) (time.Duration, bool) {
	pause := time.Duration(float64(wait) * (0.5 + rand.Float64()))
	var refused *StatusError
	if errors.As(err, &refused) {
		switch refused.Code {
		case http.StatusTooManyRequests, http.StatusInternalServerError, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
			return max(pause, refused.RetryAfter), true
		}
		return 0, false
	}
	var bad *BadReplyError
	return pause, !errors.As(err, &bad) && !errors.Is(err, context.Canceled) && !errors.Is(err, context.DeadlineExceeded)
}

// Explain returns err, which came out of a client library, as one line without URLs and without the key.
func (s *Server) Explain(err error) error {
	if err == nil {
		return nil
	}
	for _, end := range []error{context.Canceled, context.DeadlineExceeded} {
		if errors.Is(err, end) {
			return end
		}
	}
	var refused *StatusError
	if errors.As(err, &refused) {
		return refused
	}
	var bad *BadReplyError
	if errors.As(err, &bad) {
		return bad
	}
	for at := (*url.Error)(nil); errors.As(err, &at); { // its text holds the whole URL
		err = at.Err
	}
	return errors.New(s.Clean(err.Error()))
}

// Clean returns text as one printable line of at most 300 runes without the key.
func (s *Server) Clean(text string) string {
	if s.Key != "" {
		text = strings.ReplaceAll(text, s.Key, "(key)")
		text = strings.ReplaceAll(text, url.QueryEscape(s.Key), "(key)")
	}
	text = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, text)
	runes := []rune(strings.Join(strings.Fields(text), " "))
	if len(runes) > 300 {
		return string(runes[:299]) + "…"
	}
	return string(runes)
}

// secret is the length from which a key is one: some local servers want any word, such as "ollama", which may stand in a plan.
const secret = 12

// CheckReply refuses a reply that says the key, which would then come into plans and caches.
func (s *Server) CheckReply(text string) error {
	if len(s.Key) >= secret && strings.Contains(text, s.Key) {
		return errors.New("its reply holds the key: it is refused")
	}
	return nil
}
