#include "cli/svg_chart.h"

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <fstream>
#include <limits>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"

namespace seedcast {
namespace {

constexpr int kColumns = 3;
constexpr double kPanelWidth = 330, kPanelHeight = 250;             // with its margins
constexpr double kLeft = 58, kRight = 14, kTop = 30, kBottom = 44;  // margins around a panel's plot
constexpr double kHeader = 66;                                      // title and legend
constexpr const char* kColours[] = {"#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#555555"};

const char* Colour(size_t series) { return kColours[series % std::size(kColours)]; }

std::string Escaped(const std::string& text) {
  return absl::StrReplaceAll(text, {{"&", "&amp;"}, {"<", "&lt;"}, {">", "&gt;"}, {"\"", "&quot;"}});
}

struct Range {
  double low = std::numeric_limits<double>::infinity();
  double high = -std::numeric_limits<double>::infinity();

  void Add(double value) {
    if (!std::isfinite(value)) return;
    low = std::min(low, value);
    high = std::max(high, value);
  }
  // At least a little wide, with some air.
  Range Padded(double share) const {
    if (!(low <= high)) return {0, 1};
    const double width = high > low ? high - low : std::max(1.0, std::abs(low));
    return {low - share * width, high + share * width};
  }
};

void Text(double x, double y, const char* anchor, int size, const std::string& text, std::string* svg,
          const std::string& attributes = "") {
  absl::StrAppendFormat(svg, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\" font-size=\"%d\"%s>%s</text>\n", x, y,
                        anchor, size, attributes, Escaped(text));
}

void Line(double x1, double y1, double x2, double y2, const char* colour, double width, std::string* svg) {
  absl::StrAppendFormat(svg,
                        "<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" stroke=\"%s\" stroke-width=\"%.1f\"/>\n",
                        x1, y1, x2, y2, colour, width);
}

// One panel at (left, top) of the picture: maps its values to places there.
class PanelDrawing {
 public:
  PanelDrawing(const ChartPanel& panel, double left, double top) : panel_(panel), left_(left), top_(top) {
    for (const double x : panel.x) x_.Add(x);
    for (const ChartSeries& series : panel.series) {
      for (const double y : series.y) y_.Add(y);
    }
    x_ = x_.Padded(0);
    y_ = y_.Padded(0.05);
  }

  void Draw(const Chart& chart, std::string* svg) const {
    DrawAxes(chart, svg);
    for (const ChartSeries& series : panel_.series) DrawBand(series, Colour(&series - panel_.series.data()), svg);
    for (size_t i = panel_.series.size(); i-- > 0;) DrawSeries(i, svg);  // the first on top
  }

 private:
  double X(double value) const {
    return left_ + kLeft + (value - x_.low) / (x_.high - x_.low) * (kPanelWidth - kLeft - kRight);
  }
  double Y(double value) const {
    return top_ + kTop + (y_.high - value) / (y_.high - y_.low) * (kPanelHeight - kTop - kBottom);
  }

  void DrawAxes(const Chart& chart, std::string* svg) const {
    const double bottom = Y(y_.low), right = X(x_.high);
    for (const double tick : RoundTicks(y_.low, y_.high, 5)) {
      Line(X(x_.low), Y(tick), right, Y(tick), "#e4e4e4", 1, svg);
      Text(X(x_.low) - 6, Y(tick) + 4, "end", 11, absl::StrCat(tick), svg);
    }
    for (const double tick : RoundTicks(x_.low, x_.high, 4)) {
      Line(X(tick), bottom, X(tick), bottom + 4, "#666666", 1, svg);
      Text(X(tick), bottom + 16, "middle", 11, absl::StrCat(tick), svg);
    }
    Line(X(x_.low), bottom, right, bottom, "#666666", 1, svg);
    Line(X(x_.low), top_ + kTop, X(x_.low), bottom, "#666666", 1, svg);
    Text((X(x_.low) + right) / 2, top_ + 20, "middle", 13, panel_.title, svg, " font-weight=\"bold\"");
    Text((X(x_.low) + right) / 2, bottom + 33, "middle", 11, chart.x_label, svg);
    const double x = left_ + 14, y = (top_ + kTop + bottom) / 2;
    Text(x, y, "middle", 11, chart.y_label, svg, absl::StrFormat(" transform=\"rotate(-90 %.1f %.1f)\"", x, y));
  }

  // Cut off where the plot ends: the curves set its range.
  void DrawBand(const ChartSeries& series, const char* colour, std::string* svg) const {
    std::string upper, lower;
    for (size_t i = 0; i < std::min({series.y.size(), series.interval.size(), panel_.x.size()}); ++i) {
      if (!std::isfinite(series.y[i]) || !std::isfinite(series.interval[i])) continue;
      const auto point = [&](double y) {
        return absl::StrFormat("%.1f,%.1f ", X(panel_.x[i]), Y(std::clamp(y, y_.low, y_.high)));
      };
      upper += point(series.y[i] + series.interval[i]);
      lower = point(series.y[i] - series.interval[i]) + lower;
    }
    if (upper.empty()) return;
    absl::StrAppendFormat(svg, "<polygon points=\"%s\" fill=\"%s\" fill-opacity=\"0.08\"/>\n", upper + lower, colour);
  }

  void DrawSeries(size_t index, std::string* svg) const {
    std::string points;
    const std::vector<double>& y = panel_.series[index].y;
    for (size_t i = 0; i < std::min(y.size(), panel_.x.size()); ++i) {
      if (std::isfinite(y[i])) absl::StrAppendFormat(&points, "%.1f,%.1f ", X(panel_.x[i]), Y(y[i]));
    }
    absl::StrAppendFormat(
        svg, "<polyline points=\"%s\" fill=\"none\" stroke=\"%s\" stroke-width=\"%.1f\" stroke-linejoin=\"round\"/>\n",
        points, Colour(index), index == 0 ? 2.6 : 1.4);
  }

  const ChartPanel& panel_;
  const double left_, top_;
  Range x_, y_;
};

void DrawLegend(const Chart& chart, std::string* svg) {
  if (chart.panels.empty()) return;
  double x = kLeft;
  for (size_t i = 0; i < chart.panels[0].series.size(); ++i) {
    const std::string& name = chart.panels[0].series[i].name;
    Line(x, 48, x + 24, 48, Colour(i), i == 0 ? 2.6 : 1.4, svg);
    Text(x + 30, 52, "start", 12, name, svg);
    x += 52 + 7.5 * static_cast<double>(name.size());
  }
}

}  // namespace

std::vector<double> RoundTicks(double low, double high, int count) {
  const double raw = (high - low) / count;
  const double power = std::pow(10, std::floor(std::log10(raw)));
  double step = power;
  for (const double factor : {1.0, 2.0, 5.0, 10.0}) {
    step = factor * power;
    if (step >= raw) break;
  }
  std::vector<double> ticks;
  for (double k = std::ceil(low / step); k * step <= high + 1e-9 * step; ++k) {
    ticks.push_back(k * step + 0.0);  // no -0
  }
  return ticks;
}

std::string SvgChart(const Chart& chart) {
  const int panels = static_cast<int>(chart.panels.size());
  const int columns = std::clamp(panels, 1, kColumns);
  const int rows = (panels + columns - 1) / columns;
  const double width = columns * kPanelWidth, height = kHeader + rows * kPanelHeight;
  std::string svg = absl::StrFormat(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%.0f\" height=\"%.0f\" viewBox=\"0 0 %.0f %.0f\" "
      "font-family=\"sans-serif\" fill=\"#222222\">\n<rect width=\"100%%\" height=\"100%%\" fill=\"#ffffff\"/>\n",
      width, height, width, height);
  Text(kLeft, 26, "start", 16, chart.title, &svg, " font-weight=\"bold\"");
  DrawLegend(chart, &svg);
  for (int i = 0; i < panels; ++i) {
    const int row = i / columns, column = i % columns;
    PanelDrawing(chart.panels[i], column * kPanelWidth, kHeader + row * kPanelHeight).Draw(chart, &svg);
  }
  return svg + "</svg>\n";
}

absl::Status WriteSvg(const std::string& path, const Chart& chart) {
  std::ofstream file(path, std::ios::binary);
  file << SvgChart(chart);
  file.close();
  if (file) return absl::OkStatus();
  return absl::ErrnoToStatus(errno, absl::StrCat(path, ": cannot be written"));
}

}  // namespace seedcast
