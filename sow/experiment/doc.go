// Package experiment makes the experiments of docs/method.md §4 again: each a set of pictures that differ in one thing, what was measured on
// them, and whether what must come out does. An [Experiment] leaves a folder: the pictures, a contact sheet, the figures as CSV and JSON, a
// plot, and a page that shows them all (index.html, which opens offline). The same seed gives the same folder; one that was interrupted goes on
// where it was.
package experiment
