// The inner loops of class F32, written once over `Vec`, a register of kLanes channels. Included by f32_avx2.cc and
// f32_avx512.cc only, after they have defined in their anonymous namespace:
//   Vec, kLanes; Load, Store, Broadcast(const float*), Set(float), Add, Sub, Mul, Fma(a, b, c) = a*b + c,
//   Max(a, b) = a > b ? a : b; AddToDoubles(double*, Vec); kMaxVectors, MaxRows(vectors): register tile of Multiply.
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

// G: three weights to six. kSixth and the others are rounded once, here.
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

// B^T: six inputs to six.
inline void TransformInputRow(const Vec d[6], Vec v[6]) {
  const Vec two = Set(2.0f), minus_two = Set(-2.0f), four = Set(4.0f), minus_four = Set(-4.0f), minus_five = Set(-5.0f);
  const Vec a = Fma(minus_four, d[2], d[4]);
  const Vec b = Fma(minus_four, d[1], d[3]);
  const Vec c = Sub(d[4], d[2]);
  const Vec e = Sub(d[3], d[1]);
  v[0] = Fma(four, d[0], Fma(minus_five, d[2], d[4]));
  v[1] = Add(a, b);
  v[2] = Sub(a, b);
  v[3] = Fma(two, e, c);
  v[4] = Fma(minus_two, e, c);
  v[5] = Fma(four, d[1], Fma(minus_five, d[3], d[5]));
}

// A^T: six products to four outputs.
inline void TransformOutputRow(const Vec m[6], Vec y[4]) {
  const Vec a = Add(m[1], m[2]);
  const Vec b = Sub(m[1], m[2]);
  const Vec c = Add(m[3], m[4]);
  const Vec d = Sub(m[3], m[4]);
  y[0] = Add(Add(m[0], a), c);
  y[1] = Fma(Set(2.0f), d, b);
  y[2] = Fma(Set(4.0f), c, a);
  y[3] = Add(Fma(Set(8.0f), d, b), m[5]);
}

void TransformWeights(const float* weights, const float* signs, int depth, int filters, float* u) {
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
      for (int k = 0; k < 6; ++k) Store(u + (6 * row + k) * plane + i, out[k]);
    }
  }
}

inline void TransformInputTile(const float* patch, int64_t row_stride, int channels, float* v, int64_t v_stride) {
  for (int channel = 0; channel < channels; channel += kLanes) {
    Vec columns[6][6];  // B^T d, column by column
    for (int column = 0; column < 6; ++column) {
      Vec d[6];
      for (int row = 0; row < 6; ++row) d[row] = Load(patch + row * row_stride + column * channels + channel);
      TransformInputRow(d, columns[column]);
    }
    for (int row = 0; row < 6; ++row) {
      Vec d[6], out[6];
      for (int column = 0; column < 6; ++column) d[column] = columns[column][row];
      TransformInputRow(d, out);
      for (int k = 0; k < 6; ++k) Store(v + (6 * row + k) * v_stride + channel, out[k]);
    }
  }
}

void TransformInput(const float* padded, int tile_rows, int channels, float* v, int64_t v_stride) {
  const int64_t row_stride = int64_t{4 * tile_rows + 2} * channels;
  for (int y = 0; y < tile_rows; ++y) {
    for (int x = 0; x < tile_rows; ++x, v += channels) {
      TransformInputTile(padded + 4 * y * row_stride + 4 * x * channels, row_stride, channels, v, v_stride);
    }
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

// All rows of one component, for kVectors * kLanes filters; blocks of rows are made as even as they can be.
template <int kVectors>
void MultiplyColumns(const TileProducts& p, int component, int filter) {
  const float* v = p.v + component * p.v_stride;
  const float* u = p.u + int64_t{component} * p.depth * p.filters + filter;
  float* m = p.m + component * p.m_stride + filter;
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
void MultiplyColumnsOf(int vectors, const TileProducts& p, int component, int filter) {
  if constexpr (kVectors > 1) {
    if (vectors < kVectors) return MultiplyColumnsOf<kVectors - 1>(vectors, p, component, filter);
  }
  MultiplyColumns<kVectors>(p, component, filter);
}

void Multiply(const TileProducts& p) {
  for (int component = 0; component < 36; ++component) {
    const int all = p.filters / kLanes;
    int groups = (all + kMaxVectors - 1) / kMaxVectors;
    for (int done = 0; done < all; --groups) {
      const int vectors = (all - done + groups - 1) / groups;
      MultiplyColumnsOf<kMaxVectors>(vectors, p, component, done * kLanes);
      done += vectors;
    }
  }
}

// ---- Outputs
// -----------------------------------------------------------------------------------------------------------

// Sum over a tile's rows, then over its columns as (0 + 1) + (2 + 3); positions outside the image count as zeros.
inline Vec SumOfColumns(const Vec column[4]) { return Add(Add(column[0], column[1]), Add(column[2], column[3])); }

template <int kRows, int kColumns>
inline void AddMoments(const Vec y[4][4], double* sum, double* sum_of_squares) {
  Vec first[4], second[4];
#pragma GCC unroll 4
  for (int column = 0; column < 4; ++column) {
    first[column] = second[column] = Set(0.0f);
    if (column >= kColumns) continue;
#pragma GCC unroll 4
    for (int row = 0; row < kRows; ++row) {
      first[column] = Add(first[column], y[row][column]);
      second[column] = Fma(y[row][column], y[row][column], second[column]);
    }
  }
  AddToDoubles(sum, SumOfColumns(first));
  AddToDoubles(sum_of_squares, SumOfColumns(second));
}

// A tile of which kRows x kColumns positions lie in the image. `pooled`: the tile's first window.
template <int kRows, int kColumns>
void TransformOutputTile(const TileOutputs& o, const float* m, float* pooled) {
  for (int channel = 0; channel < o.filters; channel += kLanes) {
    Vec columns[6][4];  // A^T m, column by column
    for (int column = 0; column < 6; ++column) {
      Vec in[6];
      for (int row = 0; row < 6; ++row) in[row] = Load(m + (6 * row + column) * o.m_stride + channel);
      TransformOutputRow(in, columns[column]);
    }
    Vec y[4][4];
    for (int row = 0; row < kRows; ++row) {
      Vec in[6];
      for (int column = 0; column < 6; ++column) in[column] = columns[column][row];
      TransformOutputRow(in, y[row]);
    }
    if (o.sum != nullptr) AddMoments<kRows, kColumns>(y, o.sum + channel, o.sum_of_squares + channel);
    for (int row = 0; row + 1 < kRows; row += 2) {
      for (int column = 0; column + 1 < kColumns; column += 2) {
        const Vec most = Max(Max(y[row][column], y[row][column + 1]), Max(y[row + 1][column], y[row + 1][column + 1]));
        Store(pooled + ((row / 2) * o.pooled_side + column / 2) * o.filters + channel, most);
      }
    }
  }
}

template <int kRows>
void TransformOutputTileOfRows(const TileOutputs& o, int columns, const float* m, float* pooled) {
  switch (columns) {
    case 2:
      return TransformOutputTile<kRows, 2>(o, m, pooled);
    case 3:
      return TransformOutputTile<kRows, 3>(o, m, pooled);
    default:
      return TransformOutputTile<kRows, 4>(o, m, pooled);
  }
}

// Sides are 14, 7 and 3: the last tile of a row or column holds 2, 3 and 3 positions.
void TransformOutput(const TileOutputs& o) {
  const int last = o.side - 4 * (o.tile_rows - 1);
  const float* m = o.m;
  for (int y = 0; y < o.tile_rows; ++y) {
    const int rows = y + 1 < o.tile_rows ? 4 : last;
    for (int x = 0; x < o.tile_rows; ++x, m += o.filters) {
      const int columns = x + 1 < o.tile_rows ? 4 : last;
      float* pooled = o.pooled + int64_t{2 * y * o.pooled_side + 2 * x} * o.filters;
      switch (rows) {
        case 2:
          TransformOutputTileOfRows<2>(o, columns, m, pooled);
          break;
        case 3:
          TransformOutputTileOfRows<3>(o, columns, m, pooled);
          break;
        default:
          TransformOutputTileOfRows<4>(o, columns, m, pooled);
      }
    }
  }
}

void Normalise(const float* x, const float* scale, const float* shift, int positions, int filters, float* out) {
  for (int position = 0; position < positions; ++position, x += filters, out += filters) {
    for (int c = 0; c < filters; c += kLanes) {
      Store(out + c, Max(Set(0.0f), Fma(Load(x + c), Load(scale + c), Load(shift + c))));
    }
  }
}

constexpr F32Kernels kKernels = {FirstBlockOfImage, TransformWeights, TransformInput,
                                 Multiply,          TransformOutput,  Normalise};

}  // namespace
}  // namespace seedcast
