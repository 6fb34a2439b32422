# cmake -DOUTPUT=assets.cc "-DFILES=a.html;b.js" -DCHART_JS=c.js -P embed.cmake: writes the files as Assets (assets.h).
# No file may contain the delimiter of the raw strings.
set(entries "")
foreach(file IN LISTS FILES CHART_JS)
  if(file STREQUAL CHART_JS)
    set(name chart.js)
  else()
    get_filename_component(name ${file} NAME)
  endif()
  file(READ ${file} text)
  string(APPEND entries "    {\"/${name}\", R\"seedcast_asset(${text})seedcast_asset\"},\n")
endforeach()

file(WRITE ${OUTPUT} "#include \"coordinator/status/assets.h\"

namespace seedcast {

const std::vector<Asset>& Assets() {
  static const std::vector<Asset> assets = {
${entries}  };
  return assets;
}

}  // namespace seedcast
")
