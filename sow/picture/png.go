package picture

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"image"
	"image/png"
	"io"
	"strings"
	"unicode/utf8"
)

// A Text is one text that travels in a PNG file, such as the "parameters" that other programs of the field write.
type Text struct {
	Key  string // 1 to 79 printable Latin-1 characters without leading, trailing or doubled spaces
	Text string // UTF-8 without NUL
}

// WritePNG writes img with the given texts, as iTXt chunks right after the header, under the rules of [WriteFile].
func WritePNG(path string, img image.Image, texts []Text, force bool) error {
	return WriteFile(path, force, func(w io.Writer) error { return EncodePNG(w, img, texts) })
}

// EncodePNG writes the PNG file that [WritePNG] makes to w.
func EncodePNG(w io.Writer, img image.Image, texts []Text) error {
	var file bytes.Buffer
	if err := png.Encode(&file, img); err != nil {
		return err
	}
	const header = len(pngMagic) + 12 + 13 // up to the end of IHDR, which comes first and has 13 bytes
	out := append([]byte(nil), file.Bytes()[:header]...)
	for _, t := range texts {
		chunk, err := t.chunk()
		if err != nil {
			return err
		}
		out = append(out, chunk...)
	}
	if _, err := w.Write(out); err != nil {
		return err
	}
	_, err := w.Write(file.Bytes()[header:])
	return err
}

// chunk is the iTXt chunk of t: key, uncompressed, no language, no translated key, text (PNG specification, 11.3.4.5).
func (t Text) chunk() ([]byte, error) {
	key, err := latin1(t.Key)
	switch {
	case err != nil || len(key) == 0 || len(key) > 79 || strings.TrimSpace(t.Key) != t.Key || strings.Contains(t.Key, "  "):
		return nil, fmt.Errorf("%.40q cannot be the key of a PNG text", t.Key)
	case !utf8.ValidString(t.Text) || strings.ContainsRune(t.Text, 0):
		return nil, fmt.Errorf("the PNG text %q is not UTF-8 or has a NUL in it", t.Key)
	case len(t.Text) > maxText:
		return nil, fmt.Errorf("the PNG text %q is longer than %d MiB", t.Key, maxText>>20)
	}
	body := append([]byte("iTXt"), key...)
	body = append(body, 0, 0, 0, 0, 0) // end of key, not compressed, method, end of language, end of translated key
	body = append(body, t.Text...)
	chunk := binary.BigEndian.AppendUint32(nil, uint32(len(body)-4))
	chunk = append(chunk, body...)
	return binary.BigEndian.AppendUint32(chunk, crc32.ChecksumIEEE(body)), nil
}

// ReadTexts returns the texts in a PNG file in the order they stand there: iTXt, tEXt and zTXt chunks alike. Damaged ones are left out.
func ReadTexts(path string) ([]Text, error) {
	f, err := openFile(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return DecodeTexts(f, path)
}

// DecodeTexts is [ReadTexts] on the bytes of r; name is what errors call the file.
func DecodeTexts(r io.Reader, name string) ([]Text, error) {
	data, err := readAll(r, name)
	if err != nil {
		return nil, err
	}
	if !bytes.HasPrefix(data, []byte(pngMagic)) {
		return nil, &Error{Path: name, Reason: "is not a PNG file", Fix: "only PNG files carry texts"}
	}
	var texts []Text
	for _, c := range pngChunks(data) {
		if t, ok := c.text(); ok {
			texts = append(texts, t)
		}
	}
	return texts, nil
}

const (
	pngMagic = "\x89PNG\r\n\x1a\n"
	maxText  = 16 << 20 // bytes of one text: more than any, less than what compressed zeros could ask for
)

type pngChunk struct {
	kind string
	data []byte
}

// pngChunks lists the sound chunks of a PNG file up to the first broken one; the pixels' are left out.
func pngChunks(file []byte) (chunks []pngChunk) {
	for rest := file[len(pngMagic):]; len(rest) >= 12; {
		n := uint64(binary.BigEndian.Uint32(rest))
		if n+12 > uint64(len(rest)) {
			break
		}
		kind, data, sum := string(rest[4:8]), rest[8:8+n], binary.BigEndian.Uint32(rest[8+n:])
		if kind != "IDAT" {
			if crc32.ChecksumIEEE(rest[4:8+n]) != sum {
				break
			}
			chunks = append(chunks, pngChunk{kind, data})
		}
		rest = rest[12+n:]
	}
	return chunks
}

// text reads a chunk as a text; ok is false for other chunks and for broken ones.
func (c pngChunk) text() (t Text, ok bool) {
	key, rest, found := bytes.Cut(c.data, []byte{0})
	if !found {
		return t, false
	}
	t.Key = fromLatin1(key)
	switch c.kind {
	case "tEXt":
		t.Text = fromLatin1(rest)
		return t, true
	case "zTXt":
		if len(rest) < 1 {
			return t, false
		}
		text, err := inflate(rest[1:])
		t.Text = fromLatin1(text)
		return t, err == nil
	case "iTXt":
		if len(rest) < 2 {
			return t, false
		}
		compressed := rest[0] == 1
		_, rest, _ = bytes.Cut(rest[2:], []byte{0})  // the language
		_, text, found := bytes.Cut(rest, []byte{0}) // the translated key
		var err error
		if compressed {
			text, err = inflate(text)
		}
		t.Text = string(text)
		return t, found && err == nil && utf8.Valid(text)
	}
	return t, false
}

func inflate(data []byte) ([]byte, error) {
	r, err := zlib.NewReader(bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	text, err := io.ReadAll(io.LimitReader(r, maxText+1))
	if err == nil && len(text) > maxText {
		err = errors.New("too long")
	}
	return text, err
}

// latin1 encodes printable Latin-1.
func latin1(s string) ([]byte, error) {
	b := make([]byte, 0, len(s))
	for _, r := range s {
		if r < 32 || r > 126 && r < 161 || r > 255 {
			return nil, fmt.Errorf("%q is not printable Latin-1", r)
		}
		b = append(b, byte(r))
	}
	return b, nil
}

func fromLatin1(b []byte) string {
	runes := make([]rune, len(b))
	for i, c := range b {
		runes[i] = rune(c)
	}
	return string(runes)
}
