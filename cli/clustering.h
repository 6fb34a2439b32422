// Problems into clusters by how alike they find the same perturbations of theta: members share their noise across
// clusters, so the correlation of two problems' differences f+ - f-, pair by pair, tells how alike their gradients are.
#pragma once

#include <vector>

namespace seedcast {

using Matrix = std::vector<std::vector<double>>;

// Spearman's rank correlation of every two rows; positions where either is not finite are left out. 0 where a row does
// not vary.
Matrix RankCorrelations(const Matrix& rows);

// Average linkage: the two clusters with the largest mean correlation between their members are joined, until `count`
// are left; of equals the first. Entry i is the cluster of item i; clusters are numbered by their first items.
std::vector<int> GroupByCorrelation(const Matrix& correlation, int count);

}  // namespace seedcast
