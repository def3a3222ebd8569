package gemini

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/google/generative-ai-go/genai"
	"google.golang.org/api/option"
	"google.golang.org/api/option/internaloption"
	"google.golang.org/grpc"

	"github.com/sowgen/sowgen/sow/plan"
)

// GenerativeAI is a [plan.Model] through github.com/google/generative-ai-go.
type GenerativeAI struct {
	*api
	client *genai.Client
}

// NewGenerativeAI returns the model. Nothing is sent yet.
func NewGenerativeAI(c Config) (*GenerativeAI, error) {
	a, err := newAPI(c)
	if err != nil {
		return nil, err
	}
	// It is not told the key: it would put it into URLs. The transport holds it.
	options := []option.ClientOption{option.WithHTTPClient(a.client), option.WithEndpoint(a.server.Endpoint), option.WithoutAuthentication()}
	// For cached contents the library makes a gRPC connection besides, idle but never closed, of which we want neither the network nor the
	// goroutines. Its first call, which never leaves, gives it away. The new authentication library is the one that leaves it idle.
	nowhere := func(_ context.Context, _ string, _, _ any, conn *grpc.ClientConn, _ grpc.UnaryInvoker, _ ...grpc.CallOption) error {
		return errors.Join(errors.ErrUnsupported, conn.Close())
	}
	options = append(options, option.WithGRPCDialOption(grpc.WithUnaryInterceptor(nowhere)),
		internaloption.EnableNewAuthLibrary(), internaloption.SkipDialSettingsValidation())
	client, err := genai.NewClient(context.Background(), options...)
	if err != nil {
		return nil, fmt.Errorf("gemini: %w", a.server.Explain(err))
	}
	if err := client.DeleteCachedContent(context.Background(), "cachedContents/none"); !errors.Is(err, errors.ErrUnsupported) {
		return nil, fmt.Errorf("gemini: the library's gRPC connection stays open: %w", a.server.Explain(err))
	}
	return &GenerativeAI{a, client}, nil
}

// Ask implements [plan.Model].
func (m *GenerativeAI) Ask(ctx context.Context, q plan.Question) (_ string, err error) {
	defer survive(&err)
	model := m.client.GenerativeModel(m.model)
	model.SystemInstruction = genai.NewUserContent(genai.Text(q.System))
	model.SetTemperature(0)
	model.ResponseMIMEType = "application/json"
	model.ResponseSchema = oldSchema(q.Schema)
	parts := []genai.Part{genai.Text(q.Text)}
	if q.Picture != nil {
		parts = append(parts, genai.ImageData("jpeg", q.Picture))
	}
	resp, err := model.GenerateContent(ctx, parts...)
	var blocked *genai.BlockedError
	if errors.As(err, &blocked) {
		return "", errors.New(m.server.Clean("the model refuses: " + blocked.Error()))
	}
	if err != nil {
		return "", m.server.Explain(err)
	}
	if len(resp.Candidates) == 0 || resp.Candidates[0] == nil {
		return "", errors.New("its reply has no candidates")
	}
	c := resp.Candidates[0]
	var text strings.Builder
	if c.Content != nil {
		for _, p := range c.Content.Parts {
			if t, ok := p.(genai.Text); ok {
				text.WriteString(string(t))
			}
		}
	}
	return m.answer(text.String(), c.FinishReason.String())
}

func oldSchema(s *plan.Schema) *genai.Schema {
	if s == nil {
		return nil
	}
	kinds := map[string]genai.Type{"object": genai.TypeObject, "array": genai.TypeArray, "string": genai.TypeString, "integer": genai.TypeInteger, "number": genai.TypeNumber}
	out := &genai.Schema{Type: kinds[s.Type], Enum: s.Enum, Items: oldSchema(s.Items), Required: s.Required}
	if s.Enum != nil {
		out.Format = "enum"
	}
	for name, p := range s.Properties {
		if out.Properties == nil {
			out.Properties = map[string]*genai.Schema{}
		}
		out.Properties[name] = oldSchema(p)
	}
	return out
}
