// Which row of the matrix products each tile of a group of images has.
//
// Tiles that end the image lack some of the six points (layers.h), so a component is not computed for all of them.
// Rows are ordered so that every component's tiles are one range:
//     last column only | inner tiles | last row only | last of both
//     `--- row points that the last row lacks ---'
//                      `--- column points that the last column lacks ---'
#pragma once

#include <cstdint>
#include <vector>

#include "worker/kernels/layers.h"

namespace seedcast {

class TileRows {
 public:
  static constexpr int kNone = -1;
  static constexpr uint16_t kAllTiles = 0xFFFF;
  struct Range {
    int first;
    int end;
  };

  // A group: Clear, AddImage for each, Assign.
  void Clear() { tiles_of_images_.clear(); }
  // Bit t of `tiles`: tile t gets a row.
  void AddImage(uint16_t tiles) { tiles_of_images_.push_back(tiles); }
  void Assign(const ConvLayer& layer);

  int Row(int image, int tile) const { return rows_[image * tiles_ + tile]; }
  Range OfComponent(const ConvLayer& layer, int component) const;

 private:
  enum Kind { kLastColumn, kInner, kLastRow, kCorner, kKinds };
  static Kind KindOf(const ConvLayer& layer, int tile);

  int tiles_ = 0;  // of an image
  std::vector<uint16_t> tiles_of_images_;
  std::vector<int> rows_;  // (images, tiles)
  int first_[kKinds + 1] = {};
};

}  // namespace seedcast
