// Certificates that our own authority would not issue.
#pragma once

#include <openssl/pem.h>

#include <fstream>
#include <string>

#include "common/tls/openssl.h"
#include "tests/testing/read_text.h"

namespace seedcast {

// The certificate at `leaf_path`, signed anew by the authority in `directory` with other alternative names.
inline void ForgeNames(const std::string& directory, const std::string& leaf_path, const std::string& names) {
  const auto authority = ParseCertificates(ReadText(directory + "/ca.crt"));
  const auto key = ParseKey(ReadText(directory + "/ca.key"));
  const auto leaf = ParseCertificates(ReadText(leaf_path));
  X509* const certificate = leaf->front().get();
  const int old = X509_get_ext_by_NID(certificate, NID_subject_alt_name, -1);
  X509_EXTENSION_free(X509_delete_ext(certificate, old));
  if (!names.empty()) {
    X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name, names.c_str());
    X509_add_ext(certificate, extension, -1);
    X509_EXTENSION_free(extension);
  }
  X509_sign(certificate, key->get(), EVP_sha256());
  const BioPtr bio(BIO_new(BIO_s_mem()));
  PEM_write_bio_X509(bio.get(), certificate);
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &data);
  std::ofstream(leaf_path) << std::string(data, size);
}

}  // namespace seedcast
