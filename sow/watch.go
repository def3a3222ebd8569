package sow

import (
	"fmt"
	"maps"
	"slices"

	"github.com/sowgen/sowgen/sow/capture"
	"github.com/sowgen/sowgen/sow/rules"
	"github.com/sowgen/sowgen/tensor"
	"github.com/sowgen/sowgen/unet"
)

// watch returns the regions whose attention a capture is about: each condition, what grows out of it, the rest, and those that the user's
// rules name.
func (r *run) watch() (regions []rules.Region) {
	if r.capture == nil {
		return nil
	}
	for i := range r.conditions {
		for _, kind := range []string{"condition", "related"} {
			regions = append(regions, rules.Named(fmt.Sprintf("%s.%d", kind, i+1)))
		}
	}
	if regions == nil {
		regions = []rules.Region{rules.Canvas}
	} else {
		regions = append(regions, rules.Background)
	}
	if r.Rules != nil && r.Method.ruled() {
		for _, name := range slices.Sorted(maps.Keys(r.Rules.Regions)) {
			regions = append(regions, rules.Named(name))
		}
	}
	return regions
}

// watched makes the network report to r.capture at a moment.
func (r *run) watched(in *unet.Input, now rules.Moment) {
	names := r.rules.Watched()
	in.Mass = func(site unet.Site, mass []float32) {
		shares, ok := r.rules.Masses(site, mass)
		for q, row := range shares {
			for k, share := range row {
				if !ok[q] || !ok[k] {
					continue
				}
				r.capture.Masses = append(r.capture.Masses, capture.Mass{
					Phase: string(now.Phase), Cycle: now.Cycle, Node: now.Node, Timestep: now.Timestep, Site: site.Name, Height: site.Height, Width: site.Width,
					Query: names[q], Key: names[k], Share: share,
				})
			}
		}
	}
	last := now.Phase == rules.Cycle && now.Cycle == r.Cycles || now.Phase == rules.Final && (!r.Method.Cyclic() || r.Cycles == 0)
	if !last {
		return
	}
	in.Map = func(site unet.Site, m unet.Map) {
		shares, ok := r.rules.Looks(site, tensor.Floats(m.Mass), m.Height*m.Width)
		for q := range shares {
			if ok[q] {
				r.capture.AddMap(site.Name, names[q], m.Height, m.Width, shares[q])
			}
		}
	}
}
