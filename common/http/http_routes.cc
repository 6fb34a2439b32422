#include "common/http/http_routes.h"

namespace seedcast {

std::string HttpRequest::Header(const std::string& lower_case_name) const {
  const auto found = headers.find(lower_case_name);
  return found == headers.end() ? "" : found->second;
}

void HttpRoutes::Handle(const std::string& method, const std::string& path, HttpHandler handler) {
  routes_[path][method] = std::move(handler);
}

const HttpHandler* HttpRoutes::Find(const std::string& method, const std::string& path, int* status) const {
  const Methods* methods = FindPath(path);
  *status = methods == nullptr ? 404 : 405;
  if (methods == nullptr) return nullptr;
  const auto handler = methods->find(method == "HEAD" ? "GET" : method);
  return handler == methods->end() ? nullptr : &handler->second;
}

const HttpRoutes::Methods* HttpRoutes::FindPath(const std::string& path) const {
  if (const auto exact = routes_.find(path); exact != routes_.end()) return &exact->second;
  for (size_t end = path.rfind('/'); end != std::string::npos;
       end = end == 0 ? std::string::npos : path.rfind('/', end - 1)) {
    const auto below = routes_.find(path.substr(0, end + 1) + "*");
    if (below != routes_.end()) return &below->second;
  }
  return nullptr;
}

}  // namespace seedcast
