package picture

import (
	"bytes"
	"encoding/binary"
)

// An orientation is the value of EXIF tag 0x0112: how the stored picture lies. 0 and anything above 8 mean upright, as 1 does.
type orientation int

// size is the size of the upright picture whose stored size is w×h.
func (o orientation) size(w, h int) (int, int) {
	if o >= 5 && o <= 8 {
		return h, w
	}
	return w, h
}

// place is where pixel (x, y) of the stored picture w×h lies in the upright one.
func (o orientation) place(x, y, w, h int) (int, int) {
	switch o {
	case 2: // mirrored left to right
		return w - 1 - x, y
	case 3: // turned by 180°
		return w - 1 - x, h - 1 - y
	case 4: // mirrored top to bottom
		return x, h - 1 - y
	case 5: // mirrored along the main diagonal
		return y, x
	case 6: // to be turned by 90° clockwise
		return h - 1 - y, x
	case 7: // mirrored along the other diagonal
		return h - 1 - y, w - 1 - x
	case 8: // to be turned by 90° counter-clockwise
		return y, w - 1 - x
	}
	return x, y
}

// exifOrientation finds the orientation in an EXIF block, which is a small TIFF file; 0 if there is none.
func exifOrientation(exif []byte) orientation {
	var order binary.ByteOrder = binary.LittleEndian
	switch {
	case len(exif) < 8:
		return 0
	case bytes.HasPrefix(exif, []byte("MM")):
		order = binary.BigEndian
	case !bytes.HasPrefix(exif, []byte("II")):
		return 0
	}
	at := int64(order.Uint32(exif[4:]))
	if at+2 > int64(len(exif)) {
		return 0
	}
	entries := exif[at+2:]
	for range order.Uint16(exif[at:]) {
		if len(entries) < 12 {
			return 0
		}
		const orientationTag, short = 0x0112, 3
		if order.Uint16(entries) == orientationTag && order.Uint16(entries[2:]) == short {
			return orientation(order.Uint16(entries[8:]))
		}
		entries = entries[12:]
	}
	return 0
}

// jpegMetadata walks the segments of a JPEG up to the first scan.
func jpegMetadata(data []byte) (m metadata) {
	for at := 2; at+4 <= len(data) && data[at] == 0xff; {
		marker, size := data[at+1], int(binary.BigEndian.Uint16(data[at+2:]))
		if marker == 0xff { // a fill byte
			at++
			continue
		}
		if size < 2 || at+2+size > len(data) {
			return m
		}
		body := data[at+4 : at+2+size]
		switch marker {
		case 0xe1: // APP1
			if exif, ok := bytes.CutPrefix(body, []byte("Exif\x00\x00")); ok && m.orientation == 0 {
				m.orientation = exifOrientation(exif)
			}
		case 0xc2: // SOF2
			m.progressive = true
		case 0xda: // SOS
			return m
		}
		at += 2 + size
	}
	return m
}

// pngMetadata looks for an eXIf chunk.
func pngMetadata(data []byte) (m metadata) {
	for _, c := range pngChunks(data) {
		if c.kind == "eXIf" {
			m.orientation = exifOrientation(c.data)
		}
	}
	return m
}

// webpMetadata walks the chunks of a RIFF container.
func webpMetadata(data []byte) (m metadata) {
	for at := 12; at+8 <= len(data); {
		size := int64(binary.LittleEndian.Uint32(data[at+4:]))
		body := data[at+8:]
		if size < int64(len(body)) {
			body = body[:size]
		}
		switch string(data[at : at+4]) {
		case "VP8X":
			m.animated = len(body) > 0 && body[0]&2 != 0
		case "EXIF":
			body = bytes.TrimPrefix(body, []byte("Exif\x00\x00"))
			m.orientation = exifOrientation(body)
		}
		at += 8 + len(body) + int(size&1)
	}
	return m
}
