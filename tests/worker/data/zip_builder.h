// Zips and PNGs for tests, good and bad.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace seedcast {

struct ZipEntry {
  std::string name;
  std::string content;
  bool symbolic_link = false;  // to /etc/passwd
};

// A grey PNG of 8 bits a pixel, white but for a black pixel at (`mark`, 0).
std::string MakePng(int width, int height, int mark = 0);
std::string MakeColourPng(int width, int height);

// Stored without compression, so that a test can find and alter an entry's bytes.
std::string MakeZip(const std::vector<ZipEntry>& entries);

// One of the two archives with all its characters and drawings, every drawing the same PNG.
std::vector<ZipEntry> CompleteArchive(bool evaluation, const std::string& png);

}  // namespace seedcast
