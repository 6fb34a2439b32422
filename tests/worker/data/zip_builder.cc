#include "tests/worker/data/zip_builder.h"

#include <archive.h>
#include <archive_entry.h>
#include <gtest/gtest.h>
#include <png.h>

#include <cstring>

#include "absl/strings/str_format.h"
#include "worker/data/vinyals_split.h"

namespace seedcast {
namespace {

std::string WritePng(int width, int height, png_uint_32 format, const std::vector<uint8_t>& pixels) {
  png_image image;
  std::memset(&image, 0, sizeof image);
  image.version = PNG_IMAGE_VERSION;
  image.width = width;
  image.height = height;
  image.format = format;
  png_alloc_size_t size = 0;
  EXPECT_TRUE(png_image_write_get_memory_size(image, size, 0, pixels.data(), 0, nullptr)) << image.message;
  std::string png(size, '\0');
  EXPECT_TRUE(png_image_write_to_memory(&image, png.data(), &size, 0, pixels.data(), 0, nullptr)) << image.message;
  png.resize(size);
  return png;
}

la_ssize_t Append(archive*, void* bytes, const void* data, size_t size) {
  static_cast<std::string*>(bytes)->append(static_cast<const char*>(data), size);
  return static_cast<la_ssize_t>(size);
}

}  // namespace

std::string MakePng(int width, int height, int mark) {
  std::vector<uint8_t> pixels(static_cast<size_t>(width) * height, 255);
  pixels[mark] = 0;
  return WritePng(width, height, PNG_FORMAT_GRAY, pixels);
}

std::string MakeColourPng(int width, int height) {
  return WritePng(width, height, PNG_FORMAT_RGB, std::vector<uint8_t>(size_t{3} * width * height, 200));
}

std::string MakeZip(const std::vector<ZipEntry>& entries) {
  std::string bytes;
  archive* zip = archive_write_new();
  archive_write_set_format_zip(zip);
  archive_write_set_options(zip, "zip:compression=store");
  archive_write_set_bytes_per_block(zip, 0);
  EXPECT_EQ(archive_write_open(zip, &bytes, nullptr, Append, nullptr), ARCHIVE_OK);
  for (const ZipEntry& each : entries) {
    archive_entry* entry = archive_entry_new();
    archive_entry_set_pathname(entry, each.name.c_str());
    archive_entry_set_filetype(entry, each.symbolic_link ? AE_IFLNK : AE_IFREG);
    if (each.symbolic_link) archive_entry_set_symlink(entry, "/etc/passwd");
    archive_entry_set_perm(entry, 0644);
    archive_entry_set_size(entry, static_cast<la_int64_t>(each.content.size()));
    EXPECT_EQ(archive_write_header(zip, entry), ARCHIVE_OK) << archive_error_string(zip);
    archive_write_data(zip, each.content.data(), each.content.size());
    archive_entry_free(entry);
  }
  archive_write_close(zip);
  archive_write_free(zip);
  return bytes;
}

std::vector<ZipEntry> CompleteArchive(bool evaluation, const std::string& png) {
  std::vector<ZipEntry> entries;
  int number = evaluation ? 964 : 0;
  for (const OmniglotAlphabet& alphabet : OmniglotAlphabets()) {
    if (alphabet.evaluation != evaluation) continue;
    for (int c = 1; c <= alphabet.characters; ++c) {
      ++number;
      for (int drawer = 1; drawer <= 20; ++drawer) {
        entries.push_back(
            {absl::StrFormat("%s/%s/character%02d/%04d_%02d.png",
                             evaluation ? "images_evaluation" : "images_background", alphabet.name, c, number, drawer),
             png});
      }
    }
  }
  return entries;
}

}  // namespace seedcast
