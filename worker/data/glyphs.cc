// A character is one to four strokes: polylines or quadratic B-splines through random control points. A drawer moves
// the control points, shears, stretches and shifts the whole, and has a pen of some width. What they draw is a 105x105
// scan like Omniglot's, resampled like those. Coordinates are sixteenths of a scan's pixel.
#include "worker/data/glyphs.h"

#include <algorithm>
#include <cstdlib>
#include <vector>

#include "absl/strings/str_format.h"
#include "common/noise/noise.h"
#include "common/noise/philox.h"

namespace seedcast {
namespace {

constexpr int kUnit = 16;  // per pixel of the scan
constexpr int kCentre = kScanSide * kUnit / 2;
constexpr int kBox = 36 * kUnit;      // control points lie within this distance of the centre
constexpr int kMinStep = 18 * kUnit;  // from one control point to the next
constexpr int kPointJitter = 3 * kUnit;
constexpr int kShapeJitter = 150;  // of 1024, for each entry of the matrix
constexpr int kShift = 5 * kUnit;
constexpr int kMinPen = 20, kMaxPen = 36;  // radius
constexpr int kBezierSteps = 16;

struct Point {
  int x, y;
};

struct Stroke {
  std::vector<Point> points;
  bool smooth;
};

using Glyph = std::vector<Stroke>;

// Triangular in [-2 * range, 2 * range].
int Jitter(PhiloxStream& stream, int range) {
  const int first = static_cast<int>(stream.Below(2 * range + 1));
  const int second = static_cast<int>(stream.Below(2 * range + 1));
  return first + second - 2 * range;
}

Point RandomPoint(PhiloxStream& stream) {
  const int x = static_cast<int>(stream.Below(2 * kBox + 1));
  const int y = static_cast<int>(stream.Below(2 * kBox + 1));
  return {x - kBox, y - kBox};
}

Stroke RandomStroke(size_t min_points, PhiloxStream& stream) {
  Stroke stroke{{RandomPoint(stream)}, stream.Below(2) == 0};
  const size_t points = min_points + stream.Below(5 - static_cast<uint32_t>(min_points));
  while (stroke.points.size() < points) {
    const Point next = RandomPoint(stream);
    const Point last = stroke.points.back();
    if (std::abs(next.x - last.x) + std::abs(next.y - last.y) >= kMinStep) stroke.points.push_back(next);
  }
  return stroke;
}

Glyph RandomGlyph(PhiloxStream stream) {
  Glyph glyph;
  const uint32_t strokes = 1 + stream.Below(4);
  // The first stroke has a bend: a straight line alone would be its own half turn.
  for (uint32_t i = 0; i < strokes; ++i) glyph.push_back(RandomStroke(i == 0 ? 3 : 2, stream));
  return glyph;
}

// The glyph in someone's hand.
Glyph Distort(Glyph glyph, PhiloxStream& stream) {
  int matrix[4] = {1024, 0, 0, 1024};
  for (int& entry : matrix) entry += Jitter(stream, kShapeJitter);
  const int shift_x = Jitter(stream, kShift), shift_y = Jitter(stream, kShift);
  for (Stroke& stroke : glyph) {
    for (Point& point : stroke.points) {
      const int x = point.x + Jitter(stream, kPointJitter), y = point.y + Jitter(stream, kPointJitter);
      point.x = (matrix[0] * x + matrix[1] * y) / 1024 + shift_x + kCentre;
      point.y = (matrix[2] * x + matrix[3] * y) / 1024 + shift_y + kCentre;
    }
  }
  return glyph;
}

Point Middle(Point a, Point b) { return {(a.x + b.x) / 2, (a.y + b.y) / 2}; }

class Scan {
 public:
  explicit Scan(int pen) : pen_(pen), ink_(kScanPixels) {}

  void Draw(const Stroke& stroke) {
    const std::vector<Point>& points = stroke.points;
    if (!stroke.smooth || points.size() < 3) {
      for (size_t i = 1; i < points.size(); ++i) Line(points[i - 1], points[i]);
      return;
    }
    // A quadratic B-spline: Bezier arcs from middle to middle, and to the ends.
    for (size_t i = 1; i + 1 < points.size(); ++i) {
      const Point from = i == 1 ? points[0] : Middle(points[i - 1], points[i]);
      const Point to = i + 2 == points.size() ? points[i + 1] : Middle(points[i], points[i + 1]);
      Bezier(from, points[i], to);
    }
  }

  const std::vector<uint8_t>& ink() const { return ink_; }

 private:
  void Bezier(Point a, Point b, Point c) {
    constexpr int kSquare = kBezierSteps * kBezierSteps;
    Point last = a;
    for (int t = 1; t <= kBezierSteps; ++t) {
      const int u = kBezierSteps - t;
      const Point next{(u * u * a.x + 2 * u * t * b.x + t * t * c.x) / kSquare,
                       (u * u * a.y + 2 * u * t * b.y + t * t * c.y) / kSquare};
      Line(last, next);
      last = next;
    }
  }

  void Line(Point a, Point b) {
    const int steps = std::max(std::abs(b.x - a.x), std::abs(b.y - a.y)) / kUnit + 1;
    for (int t = 0; t <= steps; ++t) Dot({a.x + (b.x - a.x) * t / steps, a.y + (b.y - a.y) * t / steps});
  }

  // Inks the pixels whose centre the pen covers.
  void Dot(Point p) {
    const int first_x = std::max(0, (p.x - pen_) / kUnit), last_x = std::min(kScanSide - 1, (p.x + pen_) / kUnit);
    const int first_y = std::max(0, (p.y - pen_) / kUnit), last_y = std::min(kScanSide - 1, (p.y + pen_) / kUnit);
    for (int y = first_y; y <= last_y; ++y) {
      for (int x = first_x; x <= last_x; ++x) {
        const int dx = x * kUnit + kUnit / 2 - p.x, dy = y * kUnit + kUnit / 2 - p.y;
        if (dx * dx + dy * dy <= pen_ * pen_) ink_[y * kScanSide + x] = 1;
      }
    }
  }

  int pen_;                   // radius
  std::vector<uint8_t> ink_;  // (105, 105), 1 where there is ink
};

void DrawGlyph(const Glyph& glyph, PhiloxStream stream, absl::Span<uint8_t> drawing) {
  Scan scan(kMinPen + static_cast<int>(stream.Below(kMaxPen - kMinPen + 1)));
  for (const Stroke& stroke : Distort(glyph, stream)) scan.Draw(stroke);
  Resample(scan.ink(), drawing);
}

}  // namespace

Dataset GenerateGlyphs(const GlyphOptions& options) {
  constexpr uint32_t kDomain = static_cast<uint32_t>(NoiseDomain::kTask);
  const int counts[kSplits] = {options.train, options.validation, options.test};
  Dataset dataset(absl::StrFormat("generated glyphs (%d characters)", counts[0] + counts[1] + counts[2]),
                  options.drawers);
  std::vector<uint8_t> pixels(options.drawers * kImagePixels);
  uint32_t number = 0;
  for (int split = 0; split < kSplits; ++split) {
    for (int i = 0; i < counts[split]; ++i, ++number) {
      const Glyph glyph = RandomGlyph(PhiloxStream(options.seed, number, 0, kDomain));
      for (int d = 0; d < options.drawers; ++d) {
        DrawGlyph(glyph, PhiloxStream(options.seed, number, 1 + d, kDomain),
                  absl::MakeSpan(&pixels[d * kImagePixels], kImagePixels));
      }
      dataset.Add(absl::StrFormat("Glyphs/character%03d", number + 1), static_cast<Split>(split), pixels);
    }
  }
  return dataset;
}

}  // namespace seedcast
