package experiment

import (
	"bytes"
	_ "embed"
	"encoding/csv"
	"encoding/json"
	"html/template"
	"path/filepath"
	"strconv"

	"github.com/sowgen/sowgen/sow/picture"
)

//go:embed page.html
var pageText string

var page = template.Must(template.New("page").Parse(pageText))

// Table is a table of words.
type Table struct {
	Titles []string
	Rows   [][]string
}

// table returns the means of the arms, a row for each.
func (f *Findings) table() Table {
	figures := f.shown
	if figures == nil {
		figures = f.Figures()
	}
	t := Table{Titles: append([]string{}, f.Factors...)}
	for _, name := range figures {
		t.Titles = append(t.Titles, title(name))
	}
	for _, a := range f.Arms {
		row := append([]string{}, a.Arm...)
		for _, name := range figures {
			row = append(row, interval(f.mean(name, a.Arm...)))
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}

// write writes everything but the pictures, which are there.
func (f *Findings) write(dir string, s *store) error {
	sheet, err := f.drawSheet(s)
	if err != nil {
		return err
	}
	var sheetPNG bytes.Buffer
	if err := picture.EncodePNG(&sheetPNG, sheet, nil); err != nil {
		return err
	}
	plotPNG, err := f.drawPlot()
	if err != nil {
		return err
	}
	f.Table = f.table()
	report, err := json.MarshalIndent(f.Report, "", "  ")
	if err != nil {
		return err
	}
	plotFile := ""
	if plotPNG != nil {
		plotFile = "plot.png"
	}
	var html bytes.Buffer
	if err := page.Execute(&html, struct {
		*Report
		Plot string
	}{f.Report, plotFile}); err != nil {
		return err
	}
	for _, file := range []struct {
		name    string
		content []byte
	}{
		{"sheet.png", sheetPNG.Bytes()}, {plotFile, plotPNG}, {"figures.csv", f.csv()}, {"report.json", append(report, '\n')}, {"index.html", html.Bytes()},
	} {
		if file.name == "" {
			continue
		}
		if err := write(filepath.Join(dir, file.name), file.content); err != nil {
			return err
		}
	}
	return nil
}

// csv is every observation on a line of its own, under a line of titles.
func (f *Findings) csv() []byte {
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	figures := f.Figures()
	w.Write(append(append(append([]string{}, f.Factors...), f.Unit, "picture"), figures...))
	for _, o := range f.Observations {
		line := append(append([]string{}, o.Arm...), o.Unit, o.Picture)
		for _, name := range figures {
			text := ""
			if v, ok := o.Figures[name]; ok {
				text = strconv.FormatFloat(v, 'g', 6, 64)
			}
			line = append(line, text)
		}
		w.Write(line)
	}
	w.Flush()
	return b.Bytes()
}
