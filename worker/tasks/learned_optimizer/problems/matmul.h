// Looks for a way to multiply n x n matrices with k multiplications (a sixth-order polynomial's least squares). With
// theta_a and theta_b (n^2, k), P = (A theta_a) * (B theta_b) over all n^4 pairs of one-hot matrices, theta_c =
// (P'P)^-1 P'C and the loss is |P theta_c - C|^2; 0 is an algorithm.
//
// P is never formed. One-hot rows make P'P = G_a * G_b (entry by entry) with G = theta' theta, and P'C = M with
// M[r, (i, l)] = sum over j of theta_a[(i, j), r] theta_b[(j, l), r]; so the loss is n^3 - tr(M' theta_c), where
// (P'P) theta_c = M.
#pragma once

#include <memory>

#include "worker/tasks/learned_optimizer/problem.h"
#include "worker/tasks/learned_optimizer/problems/problem_seed.h"

namespace seedcast {

// n^2 <= k <= n^3. Started at N(0, 1) with columns scaled to length 1.
std::unique_ptr<Problem> MakeMatmul(int n, int k, const ProblemSeed& seed);

}  // namespace seedcast
