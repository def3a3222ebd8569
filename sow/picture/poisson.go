package picture

import (
	"image"
	"math"
)

// clone lays the kept part of the condition g into dst by the Poisson equation. The result f = g + u has the gradients of g as nearly as
// can be (in the mean of squares) and equals dst on the rim, the kept pixels with a neighbour that is not kept: so u is harmonic inside
// and dst - g on the rim. All gradients come from inside the mask; what the condition's file shows around it plays no part. A mask
// without a rim is the whole canvas: there u is 0 and the condition is pasted.
func clone(dst, condition *image.NRGBA, mask *image.Gray, at image.Point) {
	size, canvas := mask.Bounds().Size(), dst.Bounds().Size()
	inside := onCanvas(mask, at, canvas.X, canvas.Y)
	u := newGrid(size.X, size.Y)
	var rim []image.Point
	for y := range size.Y {
		for x := range size.X {
			X, Y := at.X+x, at.Y+y
			here := Y*canvas.X + X
			if !inside[here] {
				continue
			}
			if X > 0 && !inside[here-1] || X < canvas.X-1 && !inside[here+1] ||
				Y > 0 && !inside[here-canvas.X] || Y < canvas.Y-1 && !inside[here+canvas.X] {
				rim = append(rim, image.Pt(x, y))
			} else {
				u.free[u.at(x, y)] = true
			}
		}
	}
	if len(rim) == 0 {
		paste(dst, condition, mask, at)
		return
	}
	u.coarsen()
	for c := range 3 {
		clear(u.u)
		for _, p := range rim {
			u.u[u.at(p.X, p.Y)] = float64(rowOf(dst, at.Y+p.Y)[4*(at.X+p.X)+c]) - float64(rowOf(condition, p.Y)[4*p.X+c])
		}
		// On pictures of up to 512×512 this leaves less than a tenth of a level between u and the exact solution.
		u.solve(1e-3)
		for y := range size.Y {
			to, from := rowOf(dst, at.Y+y)[4*at.X:], rowOf(condition, y)
			for x := range size.X {
				if i := u.at(x, y); u.free[i] {
					v := float64(from[4*x+c]) + u.u[i]
					to[4*x+c] = uint8(math.Round(min(max(v, 0), 255)))
				}
			}
		}
	}
}

// A grid is the discrete Poisson equation on w×h cells: for each free cell, the sum of u(cell) - u(neighbour) over its neighbours among
// the cells is f. Cells that are not free keep their u. A frame of zeros lies around the cells, so that sums need no special case.
type grid struct {
	w, h   int
	free   []bool
	u, f   []float64
	degree []float64 // how many neighbours a cell has: 4, less at the edges
	coarse *grid     // with cells of 2×2 of these; nil on the coarsest grid
}

func newGrid(w, h int) *grid {
	n := (w + 2) * (h + 2)
	g := &grid{w: w, h: h, free: make([]bool, n), u: make([]float64, n), f: make([]float64, n), degree: make([]float64, n)}
	for y := range h {
		for x := range w {
			for _, neighbour := range []bool{x > 0, x < w-1, y > 0, y < h-1} {
				if neighbour {
					g.degree[g.at(x, y)]++
				}
			}
		}
	}
	return g
}

// at is the index of cell (x, y).
func (g *grid) at(x, y int) int { return (y+1)*(g.w+2) + x + 1 }

// coarsen makes the ladder of coarser grids. A coarse cell is free where all its cells are.
func (g *grid) coarsen() {
	if g.w <= 2 && g.h <= 2 {
		return
	}
	c := newGrid((g.w+1)/2, (g.h+1)/2)
	for y := range c.h {
		for x := range c.w {
			c.free[c.at(x, y)] = true
		}
	}
	for y := range g.h {
		for x := range g.w {
			if !g.free[g.at(x, y)] {
				c.free[c.at(x/2, y/2)] = false
			}
		}
	}
	g.coarse = c
	c.coarsen()
}

// solve runs multigrid V-cycles until no free cell misses its equation by more than tolerance. It returns how many it took; each leaves
// about 0.4 of the error, whatever the size of the grid.
func (g *grid) solve(tolerance float64) int {
	const most = 100
	for i := range most {
		if g.worst() <= tolerance {
			return i
		}
		g.cycle()
	}
	return most
}

// cycle is one multigrid V-cycle (Trottenberg, Oosterlee and Schüller 2001, §2.4) with two red-black Gauss-Seidel sweeps on either side.
func (g *grid) cycle() {
	if g.coarse == nil {
		for range 8 {
			g.sweep()
		}
		return
	}
	g.sweep()
	g.sweep()
	g.restrict()
	g.coarse.cycle()
	g.prolong()
	g.sweep()
	g.sweep()
}

// sweep solves each free cell's equation for that cell, first those of one colour of the chequerboard, then the others.
func (g *grid) sweep() {
	s := g.w + 2
	for colour := range 2 {
		for y := range g.h {
			first := (y + colour) % 2
			for i, end := g.at(first, y), g.at(g.w, y); i < end; i += 2 {
				if g.free[i] {
					g.u[i] = (g.f[i] + g.u[i-1] + g.u[i+1] + g.u[i-s] + g.u[i+s]) / max(g.degree[i], 1)
				}
			}
		}
	}
}

// residual is what is missing in the equation of cell i; 0 where it is not free.
func (g *grid) residual(i int) float64 {
	if !g.free[i] {
		return 0
	}
	s := g.w + 2
	return g.f[i] + g.u[i-1] + g.u[i+1] + g.u[i-s] + g.u[i+s] - g.degree[i]*g.u[i]
}

func (g *grid) worst() (r float64) {
	for i := range g.u {
		r = max(r, math.Abs(g.residual(i)))
	}
	return r
}

// restrict hands the residual to the coarse grid: what is missing in a coarse cell is the sum over its cells.
func (g *grid) restrict() {
	c := g.coarse
	clear(c.u)
	clear(c.f)
	for y := range g.h {
		for x := range g.w {
			c.f[c.at(x/2, y/2)] += g.residual(g.at(x, y))
		}
	}
}

// prolong adds the coarse correction, bilinear between the centres of the coarse cells.
func (g *grid) prolong() {
	c := g.coarse
	for y := range g.h {
		y0 := y / 2
		y1 := min(max(y0+y%2*2-1, 0), c.h-1) // the coarse row on the side of y
		for x := range g.w {
			if i := g.at(x, y); g.free[i] {
				x0 := x / 2
				x1 := min(max(x0+x%2*2-1, 0), c.w-1)
				g.u[i] += (9*c.u[c.at(x0, y0)] + 3*c.u[c.at(x1, y0)] + 3*c.u[c.at(x0, y1)] + c.u[c.at(x1, y1)]) / 16
			}
		}
	}
}
