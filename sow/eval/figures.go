package eval

import "strings"

// Figure is a measure: its name in [Figures], its title in tables, and what it is.
type Figure struct {
	Name, Title, About string
	Better             int // 1: more is better; -1: less; 0: neither, it is a cost or has a best value
}

// Known are the figures there can be, in the order of tables.
var Known = []Figure{
	{"kept_psnr", "kept, dB", "PSNR of the kept region to the condition; 60 stands for equal", 1},
	{"kept_ssim", "kept, SSIM", "SSIM of the kept region to the condition", 1},
	{"kept_psnr_vae", "kept, dB to VAE", "PSNR of the kept region to the condition as the VAE alone returns it; 60 stands for equal", 1},
	{"kept_ssim_vae", "kept, SSIM to VAE", "SSIM of the kept region to the condition as the VAE alone returns it", 1},
	{"seam", "seam", "boundary gradient ratio: 1 is a border that cannot be told from its surroundings; heads in drawn scenes have 9.4, after the VAE 5.5", 0},
	{"grey", "grey left", "share of the 12 pixels around the condition that are still the empty canvas", -1},
	{"spill", "spill", "share of the pixels around the condition that have one of its main colours other than skin; to be compared with text only", -1},
	{"skin", "skin agrees", "is the body's skin of the face's tone, where skin is to be seen (the built-in world)", 1},
	{"skin_all", "skin agrees, of all", "the same, where no skin is to be seen being no; drawn scenes always show some", 1},
	{"together", "together", "consistency and blending taken together, 0 … 1 (ours, for the built-in world): √(kept SSIM · mean of min(1, 5.5/seam) and, where seen, skin agrees)", 1},
	{"together_all", "together, of all", "the same with skin agrees, of all: a picture without a throat is none that blends", 1},
	{"unseen_psnr", "unseen, dB", "PSNR of the withheld part of the head to the truth", 1},
	{"face", "face found", "does the face detector find the face where it is given; only of those that it finds in the condition", 1},
	{"id_distance", "ID distance", "Euclidean distance of the embeddings of the given face and the one found at its place; under 0.6 is one person", -1},
	{"probe_person", "person (probe)", "does the attribute probe see a person", 1},
	{"probe_head", "head (probe)", "share of hair, hat, glasses and kind that the attribute probe reads as the condition has them", 1},
	{"clip_text", "text agreement (CLIP)", "100·max(cos, 0) of the picture's vector and the text's, by the CLIP that was given: CLIPScore as torchmetrics has it (Hessel et al. 2021 have 2.5 for 100)", 1},
	{"probe_text", "text agreement (probe)", "share of what the text names that the attribute probe reads off the picture", 1},
	{"related_mass", "mass", "share of its attention that what grows out of the condition gives it, over the cycles and the sites", 0},
	{"evaluations", "evaluations", "of the UNet, each prompt counted, one at the size of the condition as much as one of the canvas", 0},
	{"seconds", "s", "wall seconds, with as many pictures at once as were asked for", -1},
	{"memory_mb", "MB", "peak memory of a picture as estimated from the files' headers", -1},
}

// About returns what is known of a figure. Those of single attributes, probe_text_scene and so on, stand behind the one they are part of.
func About(name string) (Figure, bool) {
	for _, f := range Known {
		if f.Name == name {
			return f, true
		}
	}
	if question, ok := strings.CutPrefix(name, "probe_text_"); ok {
		return Figure{name, "text: " + question, "does the attribute probe read the " + question + " that the text names", 1}, true
	}
	return Figure{}, false
}
