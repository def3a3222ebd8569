// Package eval measures what came out of a run. A [Case] is what a method is given and what is known about it; a [Judge] measures a picture that
// was grown from it: how well it keeps the condition, how visible the border is, whether the text was followed, what has spilled. [Bootstrap]
// says how sure a mean over many is.
//
// A [CLIP], where one is given, tells how well a picture agrees with a text, whatever both are about. Other measures know the built-in model's
// drawn world, and are named so: a [Probe] reads scene, hair, shirt … off a picture, [BodySkin] tells the colour of a body's skin.
package eval
