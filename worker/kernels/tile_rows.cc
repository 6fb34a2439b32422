#include "worker/kernels/tile_rows.h"

namespace seedcast {

TileRows::Kind TileRows::KindOf(const ConvLayer& layer, int tile) {
  const bool last_row = tile / layer.tile_rows + 1 == layer.tile_rows;
  const bool last_column = tile % layer.tile_rows + 1 == layer.tile_rows;
  if (last_row) return last_column ? kCorner : kLastRow;
  return last_column ? kLastColumn : kInner;
}

void TileRows::Assign(const ConvLayer& layer) {
  tiles_ = layer.tiles();
  rows_.assign(tiles_of_images_.size() * tiles_, kNone);
  int next = 0;
  for (int kind = 0; kind < kKinds; ++kind) {
    first_[kind] = next;
    for (int tile = 0; tile < tiles_; ++tile) {
      if (KindOf(layer, tile) != kind) continue;
      for (size_t image = 0; image < tiles_of_images_.size(); ++image) {
        if (tiles_of_images_[image] >> tile & 1) rows_[image * tiles_ + tile] = next++;
      }
    }
  }
  first_[kKinds] = next;
}

TileRows::Range TileRows::OfComponent(const ConvLayer& layer, int component) const {
  const bool last_row = HasPoint(layer.last_extent, component / kTilePatch);
  const bool last_column = HasPoint(layer.last_extent, component % kTilePatch);
  return {first_[last_column ? kLastColumn : kInner], first_[!last_row ? kLastRow : !last_column ? kCorner : kKinds]};
}

}  // namespace seedcast
