// The inner loops of class F32, written once over `Vec`, a register of kLanes channels. Included by f32_avx2.cc and
// f32_avx512.cc only, after they have defined in their anonymous namespace:
//   Vec, kLanes; Load, Store, Broadcast(const float*), Set(float), Add, Sub, Mul, Fma(a, b, c) = a*b + c,
//   Max(a, b) = a > b ? a : b; AddVecToDoubles(double*, Vec); kFirstBlockVectors, kMaxVectors, MaxRows(vectors):
//   register tile of Multiply.
// No line here depends on kLanes, which is why the instruction sets agree to the bit.

namespace seedcast {
namespace {

// ---- Block 1 -------------------------------------------------------------------------------------------------------

// A 2x2 window of the pool: 36 FMAs over its 4x4 pixels, each pixel broadcast once. Every output sees its taps in
// row-major order.
template <int kVectors>
void FirstBlockChannels(const FirstBlockImage& image, int channel) {
  Vec weights[9][kVectors], scale[kVectors], shift[kVectors];
  for (int v = 0; v < kVectors; ++v) {
    const int c = channel + v * kLanes;
    for (int t = 0; t < 9; ++t) weights[t][v] = Load(image.weights + t * image.filters + c);
    scale[v] = Load(image.scale + c);
    shift[v] = Load(image.shift + c);
  }
  for (int w = 0; w < image.inked_windows; ++w) {
    const int y = image.windows[w] / 14;
    const int x = image.windows[w] % 14;
    const float* pixels = image.pixels + 2 * y * 30 + 2 * x;
    Vec sum[4][kVectors];
#pragma GCC unroll 4
    for (int o = 0; o < 4; ++o) {
#pragma GCC unroll 2
      for (int v = 0; v < kVectors; ++v) sum[o][v] = Set(0.0f);
    }
#pragma GCC unroll 16
    for (int p = 0; p < 16; ++p) {
      const int row = p / 4;
      const int column = p % 4;
      const Vec pixel = Broadcast(pixels + row * 30 + column);
#pragma GCC unroll 4
      for (int o = 0; o < 4; ++o) {
        const int tap_row = row - o / 2;
        const int tap_column = column - o % 2;
        if (tap_row < 0 || tap_row > 2 || tap_column < 0 || tap_column > 2) continue;
#pragma GCC unroll 2
        for (int v = 0; v < kVectors; ++v) sum[o][v] = Fma(pixel, weights[tap_row * 3 + tap_column][v], sum[o][v]);
      }
    }
    float* out = image.out + y * image.out_row_stride + x * image.filters + channel;
#pragma GCC unroll 2
    for (int v = 0; v < kVectors; ++v) {
      const Vec most = Max(Max(sum[0][v], sum[1][v]), Max(sum[2][v], sum[3][v]));
      Store(out + v * kLanes, Max(Set(0.0f), Fma(most, scale[v], shift[v])));
    }
  }
  Vec blank[kVectors];
  for (int v = 0; v < kVectors; ++v) blank[v] = Max(Set(0.0f), Fma(Set(0.0f), scale[v], shift[v]));
  for (int w = image.inked_windows; w < 196; ++w) {
    const int y = image.windows[w] / 14;
    const int x = image.windows[w] % 14;
    float* out = image.out + y * image.out_row_stride + x * image.filters + channel;
    for (int v = 0; v < kVectors; ++v) Store(out + v * kLanes, blank[v]);
  }
}

void FirstBlockOfImage(const FirstBlockImage& image) {
  for (int channel = 0; channel < image.filters; channel += kFirstBlockVectors * kLanes) {
    const int vectors = (image.filters - channel) / kLanes;
    if (vectors >= kFirstBlockVectors) {
      FirstBlockChannels<kFirstBlockVectors>(image, channel);
    } else {
      FirstBlockChannels<1>(image, channel);
    }
  }
}

// ---- Winograd's transforms, one row or column at a time
// ---------------------------------------------------------------

// The points of a tile are numbered as in layers.h; Point() is the i-th that a tile of this extent has.
constexpr int Point(int extent, int i) { return i <= extent ? i : 5; }

// G: three weights to six.
inline void TransformWeightRow(const Vec g[3], Vec u[6]) {
  const Vec sixth = Set(1.0f / 6), minus_sixth = Set(-1.0f / 6), twelfth = Set(1.0f / 12),
            twenty_fourth = Set(1.0f / 24);
  const Vec outer = Add(g[0], g[2]);
  const Vec even = Fma(g[2], sixth, Mul(g[0], twenty_fourth));
  const Vec odd = Mul(g[1], twelfth);
  u[0] = Mul(g[0], Set(0.25f));
  u[1] = Mul(minus_sixth, Add(outer, g[1]));
  u[2] = Mul(minus_sixth, Sub(outer, g[1]));
  u[3] = Add(even, odd);
  u[4] = Sub(even, odd);
  u[5] = g[2];
}

// B^T: extent + 2 inputs to as many values.
template <int kExtent>
inline void TransformInputRow(const Vec* d, Vec* v) {
  if constexpr (kExtent == 4) {
    const Vec a = Fma(Set(-4.0f), d[2], d[4]);
    const Vec b = Fma(Set(-4.0f), d[1], d[3]);
    const Vec c = Sub(d[4], d[2]);
    const Vec e = Sub(d[3], d[1]);
    v[0] = Fma(Set(4.0f), d[0], Fma(Set(-5.0f), d[2], d[4]));
    v[1] = Add(a, b);
    v[2] = Sub(a, b);
    v[3] = Fma(Set(2.0f), e, c);
    v[4] = Fma(Set(-2.0f), e, c);
    v[5] = Fma(Set(4.0f), d[1], Fma(Set(-5.0f), d[3], d[5]));
  } else if constexpr (kExtent == 3) {
    const Vec e = Sub(d[3], d[1]);
    const Vec f = Sub(d[3], d[2]);
    v[0] = Fma(Set(4.0f), Sub(d[0], d[2]), Mul(Set(2.0f), e));
    v[1] = Mul(Set(3.0f), Fma(Set(-2.0f), d[1], f));
    v[2] = Fma(Set(2.0f), Sub(d[1], d[2]), f);
    v[3] = Mul(Set(4.0f), e);
    v[4] = Fma(Set(-2.0f), e, Sub(d[4], d[2]));
  } else {
    v[0] = Mul(Set(4.0f), Sub(d[0], d[2]));
    v[1] = Mul(Set(-3.0f), Add(d[1], d[2]));
    v[2] = Mul(Set(3.0f), Sub(d[1], d[2]));
    v[3] = Sub(d[3], d[1]);
  }
}

// A^T: extent + 2 products to `extent` outputs.
template <int kExtent>
inline void TransformOutputRow(const Vec* m, Vec* y) {
  const Vec a = Add(m[1], m[2]);
  const Vec b = Sub(m[1], m[2]);
  if constexpr (kExtent == 4) {
    const Vec c = Add(m[3], m[4]);
    const Vec d = Sub(m[3], m[4]);
    y[0] = Add(Add(m[0], a), c);
    y[1] = Fma(Set(2.0f), d, b);
    y[2] = Fma(Set(4.0f), c, a);
    y[3] = Add(Fma(Set(8.0f), d, b), m[5]);
  } else if constexpr (kExtent == 3) {
    y[0] = Add(Add(m[0], a), m[3]);
    y[1] = Fma(Set(2.0f), m[3], b);
    y[2] = Add(Fma(Set(4.0f), m[3], a), m[4]);
  } else {
    y[0] = Add(m[0], a);
    y[1] = Add(b, m[3]);
  }
}

void TransformWeights(const float* weights, const float* signs, int depth, int filters, float* u, int64_t u_stride) {
  const int64_t plane = int64_t{depth} * filters;
  for (int64_t i = 0; i < plane; i += kLanes) {
    const Vec sign = Load(signs + i % filters);
    Vec columns[3][6];  // G g, column by column
    for (int column = 0; column < 3; ++column) {
      Vec g[3];
      for (int row = 0; row < 3; ++row) g[row] = Mul(sign, Load(weights + (3 * row + column) * plane + i));
      TransformWeightRow(g, columns[column]);
    }
    for (int row = 0; row < 6; ++row) {
      const Vec g[3] = {columns[0][row], columns[1][row], columns[2][row]};
      Vec out[6];
      TransformWeightRow(g, out);
      for (int k = 0; k < 6; ++k) Store(u + (6 * row + k) * u_stride + i, out[k]);
    }
  }
}

// Two rows of B^T d B, so that what lies between the two passes stays in registers. The column pass computes all
// rows on paper; the compiler drops those not used. Rows 2k+1 and 2k+2 share most of it.
template <int kRows, int kColumns, int kPass>
inline void TransformInputRows(const InputTile& tile, int channel) {
  constexpr int kCount = kRows + 2;
  constexpr int kFirst = (2 * kPass + 1) % kCount;
  constexpr int kSecond = (2 * kPass + 2) % kCount;
  Vec rows[2][kColumns + 2];
  for (int column = 0; column < kColumns + 2; ++column) {
    Vec d[kCount], all[kCount];
    for (int row = 0; row < kCount; ++row) {
      d[row] = Load(tile.patch + row * tile.patch_stride + column * tile.channels + channel);
    }
    TransformInputRow<kRows>(d, all);
    rows[0][column] = all[kFirst];
    rows[1][column] = all[kSecond];
  }
  for (int i = 0; i < 2; ++i) {
    if (i == 1 && kPass > 0 && kSecond == 1) continue;  // an odd number of rows: this one is done
    Vec out[kColumns + 2];
    TransformInputRow<kColumns>(rows[i], out);
    float* v = tile.v + 6 * Point(kRows, i == 0 ? kFirst : kSecond) * tile.v_stride + channel;
    for (int k = 0; k < kColumns + 2; ++k) Store(v + Point(kColumns, k) * tile.v_stride, out[k]);
  }
}

template <int kRows, int kColumns>
void TransformInputTile(const InputTile& tile) {
  for (int channel = 0; channel < tile.channels; channel += kLanes) {
    TransformInputRows<kRows, kColumns, 0>(tile, channel);
    TransformInputRows<kRows, kColumns, 1>(tile, channel);
    if constexpr (kRows > 2) TransformInputRows<kRows, kColumns, 2>(tile, channel);
  }
}

// ---- The products
// ------------------------------------------------------------------------------------------------------

// kRows tiles by kVectors * kLanes filters, held in registers: one chain of FMAs over the input channels each.
template <int kRows, int kVectors>
void MultiplyBlock(const float* v, const float* u, int depth, int filters, float* m) {
  Vec sum[kRows][kVectors];
#pragma GCC unroll 16
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 4
    for (int c = 0; c < kVectors; ++c) sum[r][c] = Set(0.0f);
  }
  for (int k = 0; k < depth; ++k, u += filters) {
    Vec row[kVectors];
#pragma GCC unroll 4
    for (int c = 0; c < kVectors; ++c) row[c] = Load(u + c * kLanes);
#pragma GCC unroll 16
    for (int r = 0; r < kRows; ++r) {
      const Vec value = Broadcast(v + int64_t{r} * depth + k);
#pragma GCC unroll 4
      for (int c = 0; c < kVectors; ++c) sum[r][c] = Fma(value, row[c], sum[r][c]);
    }
  }
#pragma GCC unroll 16
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 4
    for (int c = 0; c < kVectors; ++c) Store(m + int64_t{r} * filters + c * kLanes, sum[r][c]);
  }
}

template <int kRows, int kVectors>
void MultiplyRows(int rows, const float* v, const float* u, int depth, int filters, float* m) {
  if constexpr (kRows > 1) {
    if (rows < kRows) return MultiplyRows<kRows - 1, kVectors>(rows, v, u, depth, filters, m);
  }
  MultiplyBlock<kRows, kVectors>(v, u, depth, filters, m);
}

// All rows, for kVectors * kLanes filters; blocks of rows are made as even as they can be.
template <int kVectors>
void MultiplyColumns(const TileProducts& p, int filter) {
  const float* v = p.v;
  const float* u = p.u + filter;
  float* m = p.m + filter;
  int blocks = (p.rows + MaxRows(kVectors) - 1) / MaxRows(kVectors);
  for (int left = p.rows; left > 0; --blocks) {
    const int rows = (left + blocks - 1) / blocks;
    MultiplyRows<MaxRows(kVectors), kVectors>(rows, v, u, p.depth, p.filters, m);
    v += int64_t{rows} * p.depth;
    m += int64_t{rows} * p.filters;
    left -= rows;
  }
}

template <int kVectors>
void MultiplyColumnsOf(int vectors, const TileProducts& p, int filter) {
  if constexpr (kVectors > 1) {
    if (vectors < kVectors) return MultiplyColumnsOf<kVectors - 1>(vectors, p, filter);
  }
  MultiplyColumns<kVectors>(p, filter);
}

void Multiply(const TileProducts& p) {
  const int all = p.filters / kLanes;
  int groups = (all + kMaxVectors - 1) / kMaxVectors;
  for (int done = 0; done < all; --groups) {
    const int vectors = (all - done + groups - 1) / groups;
    MultiplyColumnsOf<kMaxVectors>(vectors, p, done * kLanes);
    done += vectors;
  }
}

// ---- Outputs
// -----------------------------------------------------------------------------------------------------------

// Sums over a tile's columns, added as (0 + 1) + (2 + 3); columns that the tile has not are +0.
template <int kRows, int kColumns>
inline void StoreMoments(const Vec (*y)[4], float* sum, float* sum_of_squares) {
  Vec first[4], second[4];
  for (int column = 0; column < 4; ++column) {
    first[column] = second[column] = Set(0.0f);
    if (column >= kColumns) continue;
    for (int row = 0; row < kRows; ++row) {
      first[column] = Add(first[column], y[row][column]);
      second[column] = Fma(y[row][column], y[row][column], second[column]);
    }
  }
  Store(sum, Add(Add(first[0], first[1]), Add(first[2], first[3])));
  Store(sum_of_squares, Add(Add(second[0], second[1]), Add(second[2], second[3])));
}

template <int kRows, int kColumns>
void TransformOutputTile(const OutputTile& tile) {
  for (int channel = 0; channel < tile.filters; channel += kLanes) {
    Vec columns[kColumns + 2][4];  // A^T m, column by column
    for (int column = 0; column < kColumns + 2; ++column) {
      Vec in[kRows + 2];
      for (int row = 0; row < kRows + 2; ++row) {
        in[row] = Load(tile.m + (6 * Point(kRows, row) + Point(kColumns, column)) * tile.m_stride + channel);
      }
      TransformOutputRow<kRows>(in, columns[column]);
    }
    Vec y[4][4];
    for (int row = 0; row < kRows; ++row) {
      Vec in[kColumns + 2];
      for (int column = 0; column < kColumns + 2; ++column) in[column] = columns[column][row];
      TransformOutputRow<kColumns>(in, y[row]);
    }
    StoreMoments<kRows, kColumns>(y, tile.sum + channel, tile.sum_of_squares + channel);
    for (int row = 0; row + 1 < kRows; row += 2) {
      for (int column = 0; column + 1 < kColumns; column += 2) {
        const Vec most = Max(Max(y[row][column], y[row][column + 1]), Max(y[row + 1][column], y[row + 1][column + 1]));
        Store(tile.pooled + row / 2 * tile.pooled_stride + column / 2 * tile.filters + channel, most);
      }
    }
  }
}

// A tile's extents are 4 or, at the image's end, 2 (side 14) or 3 (sides 7 and 3).
void TransformInput(const InputTile& tile) {
  switch (10 * tile.rows + tile.columns) {
    case 44:
      return TransformInputTile<4, 4>(tile);
    case 42:
      return TransformInputTile<4, 2>(tile);
    case 24:
      return TransformInputTile<2, 4>(tile);
    case 22:
      return TransformInputTile<2, 2>(tile);
    case 43:
      return TransformInputTile<4, 3>(tile);
    case 34:
      return TransformInputTile<3, 4>(tile);
    default:
      return TransformInputTile<3, 3>(tile);
  }
}

void TransformOutput(const OutputTile& tile) {
  switch (10 * tile.rows + tile.columns) {
    case 44:
      return TransformOutputTile<4, 4>(tile);
    case 42:
      return TransformOutputTile<4, 2>(tile);
    case 24:
      return TransformOutputTile<2, 4>(tile);
    case 22:
      return TransformOutputTile<2, 2>(tile);
    case 43:
      return TransformOutputTile<4, 3>(tile);
    case 34:
      return TransformOutputTile<3, 4>(tile);
    default:
      return TransformOutputTile<3, 3>(tile);
  }
}

void AddToDoubles(const float* values, int count, double* sums) {
  for (int i = 0; i < count; i += kLanes) AddVecToDoubles(sums + i, Load(values + i));
}

void Normalise(const float* x, const float* scale, const float* shift, int positions, int filters, float* out) {
  for (int position = 0; position < positions; ++position, x += filters, out += filters) {
    for (int c = 0; c < filters; c += kLanes) {
      Store(out + c, Max(Set(0.0f), Fma(Load(x + c), Load(scale + c), Load(shift + c))));
    }
  }
}

constexpr F32Kernels kKernels = {FirstBlockOfImage, TransformWeights, TransformInput, Multiply,
                                 TransformOutput,   AddToDoubles,     Normalise};

}  // namespace
}  // namespace seedcast
