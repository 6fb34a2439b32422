#include "cli/clustering.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numeric>

namespace seedcast {
namespace {

// 0, 1, 2 ... by size; equals share the mean of their ranks.
std::vector<double> Ranks(const std::vector<double>& values) {
  std::vector<size_t> order(values.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::sort(order.begin(), order.end(), [&](size_t a, size_t b) { return values[a] < values[b]; });
  std::vector<double> ranks(values.size());
  for (size_t begin = 0, end = 0; begin < order.size(); begin = end) {
    while (end < order.size() && values[order[end]] == values[order[begin]]) ++end;
    for (size_t i = begin; i < end; ++i) ranks[order[i]] = static_cast<double>(begin + end - 1) / 2;
  }
  return ranks;
}

// Pearson's correlation.
double Correlation(const std::vector<double>& a, const std::vector<double>& b) {
  const auto mean = [](const std::vector<double>& values) {
    return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
  };
  const double mean_a = mean(a), mean_b = mean(b);
  double aa = 0, bb = 0, ab = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    aa += (a[i] - mean_a) * (a[i] - mean_a);
    bb += (b[i] - mean_b) * (b[i] - mean_b);
    ab += (a[i] - mean_a) * (b[i] - mean_b);
  }
  return aa > 0 && bb > 0 ? ab / std::sqrt(aa * bb) : 0;
}

double RankCorrelation(const std::vector<double>& a, const std::vector<double>& b) {
  std::vector<double> finite_a, finite_b;
  for (size_t i = 0; i < a.size(); ++i) {
    if (!std::isfinite(a[i]) || !std::isfinite(b[i])) continue;
    finite_a.push_back(a[i]);
    finite_b.push_back(b[i]);
  }
  return Correlation(Ranks(finite_a), Ranks(finite_b));
}

using Group = std::vector<int>;

double MeanBetween(const Matrix& correlation, const Group& a, const Group& b) {
  double sum = 0;
  for (const int i : a) {
    for (const int k : b) sum += correlation[i][k];
  }
  return sum / static_cast<double>(a.size() * b.size());
}

// Joins the two groups that are most alike.
void JoinTwo(const Matrix& correlation, std::vector<Group>* groups) {
  size_t first = 0, second = 1;
  double best = -INFINITY;
  for (size_t i = 0; i < groups->size(); ++i) {
    for (size_t k = i + 1; k < groups->size(); ++k) {
      const double mean = MeanBetween(correlation, (*groups)[i], (*groups)[k]);
      if (mean <= best) continue;
      best = mean;
      first = i;
      second = k;
    }
  }
  Group& joined = (*groups)[first];
  joined.insert(joined.end(), (*groups)[second].begin(), (*groups)[second].end());
  groups->erase(groups->begin() + static_cast<std::ptrdiff_t>(second));
}

}  // namespace

Matrix RankCorrelations(const Matrix& rows) {
  Matrix correlations(rows.size(), std::vector<double>(rows.size(), 1));
  for (size_t i = 0; i < rows.size(); ++i) {
    for (size_t k = 0; k < i; ++k) correlations[i][k] = correlations[k][i] = RankCorrelation(rows[i], rows[k]);
  }
  return correlations;
}

std::vector<int> GroupByCorrelation(const Matrix& correlation, int count) {
  std::vector<Group> groups;
  for (size_t i = 0; i < correlation.size(); ++i) groups.push_back({static_cast<int>(i)});
  // A group's first member is its smallest, and groups stay sorted by it: the later one is always joined to the
  // earlier.
  while (static_cast<int>(groups.size()) > count) JoinTwo(correlation, &groups);
  std::vector<int> cluster(correlation.size());
  for (size_t g = 0; g < groups.size(); ++g) {
    for (const int item : groups[g]) cluster[item] = static_cast<int>(g);
  }
  return cluster;
}

}  // namespace seedcast
