package labreport

import (
	"bytes"
	_ "embed"
	"fmt"
	"html/template"
	"strconv"
	"strings"

	"github.com/go-analyze/charts/chartdraw"
	"github.com/go-analyze/charts/chartdraw/drawing"
)

//go:embed plot.css
var plotCSS string

// The measures of a plot, in pixels. Its labels begin at the left edge, so that a
// browser whose letters are wider than those that were measured moves nothing.
const (
	plotWidth    = 880
	gutter       = 172
	rightMargin  = 40
	axisHeight   = 54 // ticks, their labels, the name of the axis and bottomMargin
	topMargin    = 6
	bottomMargin = 6
	tallRow      = 40 // rows of at least this height have a line between them
)

// plot is a picture: rows of marks over one axis of time. It is drawn the same for a
// page and for a file of its own.
type plot struct {
	// Title says what is to be seen, for those who do not see it.
	Title string
	// Name is what the axis measures.
	Name  string
	Scale scale
	Rows  []row
}

// row is one line of a plot.
type row struct {
	Label  string
	Note   string // below the label
	Height int
	draw   func(c canvas)
}

// canvas is where a row draws.
type canvas struct {
	r           chartdraw.Renderer
	box         chartdraw.Box
	x           func(v float64) int // the pixel of a place on the axis
	top, bottom int
}

// middle is the line that a row is about.
func (c canvas) middle() int { return (c.top + c.bottom) / 2 }

func (c canvas) rect(left, right, top, bottom int, name string) {
	chartdraw.Draw.Box(c.r, chartdraw.Box{Left: left, Right: right, Top: top, Bottom: bottom, IsSet: true}, class(name))
}

func (c canvas) text(s string, x, y int, name string) {
	chartdraw.Draw.Text(c.r, s, x, y, class(name))
}

func (c canvas) dot(x, y int, name string) {
	class(name).WriteDrawingOptionsToRenderer(c.r)
	c.r.Circle(dotRadius, x, y)
	c.r.FillStroke()
	c.r.ResetStyle()
}

func (c canvas) cross(x, y int, name string) {
	class(name).WriteDrawingOptionsToRenderer(c.r)
	const d = 4
	c.r.MoveTo(x-d, y-d)
	c.r.LineTo(x+d, y+d)
	c.r.MoveTo(x-d, y+d)
	c.r.LineTo(x+d, y-d)
	c.r.FillStroke()
	c.r.ResetStyle()
}

// marks are the rows of a plot as a series of the library: it scales and draws the
// axis, and asks for the rows when it knows where they go.
type marks struct{ rows []row }

var _ chartdraw.Series = marks{}

func (m marks) GetName() string               { return "" }
func (m marks) GetYAxis() chartdraw.YAxisType { return chartdraw.YAxisPrimary }
func (m marks) GetStyle() chartdraw.Style     { return chartdraw.Style{} }
func (m marks) Validate() error               { return nil }
func (m marks) Render(r chartdraw.Renderer, box chartdraw.Box, xs, _ chartdraw.Range, _ chartdraw.Style) {
	top := box.Top
	for i, w := range m.rows {
		c := canvas{r: r, box: box, top: top, bottom: top + w.Height,
			x: func(v float64) int { return box.Left + xs.Translate(v) }}
		if i > 0 && w.Height >= tallRow {
			c.rect(0, box.Right, top, top, "rule")
		}
		y := c.middle() + 4
		if w.Note != "" {
			y -= 7
			c.text(w.Note, 2, y+14, "note")
		}
		c.text(w.Label, 2, y, "label")
		if w.draw != nil {
			w.draw(c)
		}
		top = c.bottom
	}
}

// SVG draws the plot. The styles are in it if it is to stand alone.
func (p plot) SVG(alone bool) (string, error) {
	height := topMargin + axisHeight
	for _, w := range p.Rows {
		height += w.Height
	}
	c := chartdraw.Chart{
		Width: plotWidth, Height: height,
		DPI:            72, // a point is a pixel
		Background:     class("none"),
		Canvas:         class("none"),
		XAxis:          p.Scale.axis(p.Name),
		YAxis:          chartdraw.YAxis{Style: chartdraw.Hidden(), Range: &chartdraw.ContinuousRange{Max: 1}},
		YAxisSecondary: chartdraw.YAxis{Style: chartdraw.Hidden()},
		Series:         []chartdraw.Series{marks{p.Rows}},
	}
	c.Background.Padding = chartdraw.Box{IsSet: true, Left: gutter, Top: topMargin, Right: rightMargin, Bottom: bottomMargin}
	css := ""
	if alone {
		css = "\n" + plotCSS
	}
	var b bytes.Buffer
	if err := c.Render(chartdraw.SVGWithCSS(css, ""), &b); err != nil {
		return "", fmt.Errorf("draw %q: %w", p.Title, err)
	}
	return finished(b.String(), p.Title, height), nil
}

// finished gives a picture its size and its words, and each element a line of its own,
// so that a change of it can be read.
func finished(svg, title string, height int) string {
	esc := template.HTMLEscapeString(title)
	svg = strings.Replace(svg, ` xmlns:xlink="http://www.w3.org/1999/xlink"`, "", 1)
	svg = strings.Replace(svg, `">`, `" width="`+strconv.Itoa(plotWidth)+`" height="`+strconv.Itoa(height)+
		`" class="plot" role="img" aria-label="`+esc+`">`+"<title>"+esc+"</title>", 1)
	svg = strings.ReplaceAll(svg, "\nL ", " L")
	svg = strings.ReplaceAll(svg, "><", ">\n<")
	return svg + "\n"
}

// class is a style that only names what the style sheet knows. The colours are there to
// make the library draw: they say that there is a line and an area, not how they look.
func class(name string) chartdraw.Style {
	return chartdraw.Style{ClassName: name, StrokeColor: grey(), StrokeWidth: 1, FillColor: grey(),
		FontStyle: chartdraw.FontStyle{FontColor: grey(), FontSize: 12}}
}

// grey can be seen on white and on black.
func grey() drawing.Color { return drawing.Color{R: 128, G: 128, B: 128, A: 72} }
