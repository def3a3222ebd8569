// Package face finds faces in photographs, cuts the condition out around one, and tells whether two are the same person's: [Detect],
// [Face.Cut], [Embed] and [Distance].
//
// Detection is pigo's cascade of decision trees (Markuš et al. 2013), the pupils are found by the authors' second cascade (Markuš et al. 2014),
// and the embedding is dlib's 128-dimensional ResNet, re-coded on nn. All three are made for photographs; drawn faces, those of the built-in
// model among them, are seldom found. What is embedded, from where and under which licence is in model/README.md.
package face
