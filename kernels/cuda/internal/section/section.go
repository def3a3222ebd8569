// Package section writes the parts of a document that programs make.
package section

import (
	"fmt"
	"os"
	"strings"
)

// Write puts text between the lines "<!-- name -->" and "<!-- /name -->" of a file.
func Write(path, name, text string) error {
	old, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	open, end := fmt.Sprintf("<!-- %s -->\n", name), fmt.Sprintf("<!-- /%s -->\n", name)
	before, rest, ok := strings.Cut(string(old), open)
	_, after, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		return fmt.Errorf("%s has no section %q", path, name)
	}
	return os.WriteFile(path, []byte(before+open+strings.TrimRight(text, "\n")+"\n"+end+after), 0o644)
}
