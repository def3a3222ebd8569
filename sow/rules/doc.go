// Package rules is a small language for where information may flow while a picture is made. A [Program] is a list of rules of the form
// "where the queries of this region read the keys of that one, do this": at which of the network's self-attentions, in which heads, when,
// for which prompts, and how strongly. [Parse] and [ReadFile] read it from JSON, docs/rules.md is its grammar.
//
// [Compile] turns a program and the regions of a run, a [Scene], into the labels and tables that tensor.Attention obeys: once per run,
// without a mask of tokens by tokens.
package rules
