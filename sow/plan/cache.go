package plan

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
)

// Cache is a folder with a file for every plan a model made, so that the same question costs one request. "" keeps nothing. The files hold
// plans and nothing else; their names are hashes of the questions.
type Cache string

// DefaultCache is sowgen/plans in the user's folder for such files.
func DefaultCache() (Cache, error) {
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("plan: %w", err)
	}
	return Cache(filepath.Join(dir, "sowgen", "plans")), nil
}

// cacheKey is the hash of everything an answer depends on.
func cacheKey(model string, q Question) string {
	// The texts hold the user's prompt, the canvas, the stages and our instructions.
	data, err := json.Marshal(struct {
		Version int
		Model   string
		Question
	}{PromptVersion, model, q})
	if err != nil {
		panic(err) // strings, bytes and a schema
	}
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

func (c Cache) path(key string) string { return filepath.Join(string(c), key+".json") }

// get returns a kept plan. A file that is not a plan, or no longer one, counts as none.
func (c Cache) get(key string) (Plan, bool) {
	if c == "" {
		return Plan{}, false
	}
	p, err := ReadFile(c.path(key))
	if err != nil {
		return Plan{}, false
	}
	return *p, true
}

// put keeps a plan. The file comes to its name when it is complete.
func (c Cache) put(key string, p Plan) error {
	if c == "" {
		return nil
	}
	if err := os.MkdirAll(string(c), 0o700); err != nil {
		return err
	}
	data, err := json.MarshalIndent(p, "", "  ")
	if err != nil {
		return err
	}
	tmp, err := os.CreateTemp(string(c), ".plan-*.tmp") // readable by the user alone
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name()) // gone already when all went well
	_, err = tmp.Write(append(data, '\n'))
	if closed := tmp.Close(); err == nil {
		err = closed
	}
	if err != nil {
		return err
	}
	return os.Rename(tmp.Name(), c.path(key))
}
