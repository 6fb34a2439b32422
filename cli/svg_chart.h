// Curves as an SVG picture: panels in a grid, one legend for all of them, axes with round ticks. Light background,
// colours that the colour-blind tell apart, text as text.
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"

namespace seedcast {

struct ChartSeries {
  std::string name;
  std::vector<double> y;              // as many as the panel's x; what is not finite is left out
  std::vector<double> interval = {};  // half widths of a band around y, as many; empty: none
};

struct ChartPanel {
  std::string title;
  std::vector<double> x;
  std::vector<ChartSeries> series;  // the same names in the same order in every panel
};

struct Chart {
  std::string title;
  std::string x_label;
  std::string y_label;
  std::vector<ChartPanel> panels;
};

// A whole SVG document. The first series is drawn bold and on top.
std::string SvgChart(const Chart& chart);

// Round numbers that cover low .. high, about `count` of them: 1, 2 or 5 times a power of ten apart.
std::vector<double> RoundTicks(double low, double high, int count);

// Writes the document; errors name the path.
absl::Status WriteSvg(const std::string& path, const Chart& chart);

}  // namespace seedcast
