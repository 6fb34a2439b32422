# One interface target carries what every target of ours is compiled with; nothing is set globally.
#
# -ffp-contract=off: a compiler that fuses a*b+c on one machine and not on another would change bits (ARCHITECTURE.md,
# "Same bits everywhere"); where we want a fused multiply-add we write one.
add_library(seedcast_options INTERFACE)
target_compile_options(seedcast_options INTERFACE
  -Wall -Wextra -Werror -march=x86-64-v3 -ffp-contract=off -fno-fast-math
  $<$<CXX_COMPILER_ID:Clang>:-Wthread-safety>
  # gcc 12 sees a maybe-uninitialized in std::optional and restrict overlaps in std::string that are not there
  $<$<CXX_COMPILER_ID:GNU>:-Wno-maybe-uninitialized -Wno-restrict>)
target_include_directories(seedcast_options INTERFACE ${PROJECT_SOURCE_DIR})
target_compile_definitions(seedcast_options INTERFACE SEEDCAST_VERSION="${PROJECT_VERSION}")
# Hardened as Debian's guide has it, but for sanitizers, which watch more, and Debug, where libc's checks need what an optimiser
# knows. None of these touches floating point. Debian's gcc makes position-independent executables by itself. Not
# -fcf-protection: Debian 12's start files have no marks for it, so the linker leaves it out of every executable.
if(NOT SEEDCAST_SANITIZE AND NOT CMAKE_BUILD_TYPE STREQUAL "Debug")
  target_compile_options(seedcast_options INTERFACE
    -fstack-protector-strong -fstack-clash-protection -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2 -Wformat-security)
  target_link_options(seedcast_options INTERFACE -Wl,-z,relro,-z,now,-z,noexecstack)
endif()
if(SEEDCAST_SANITIZE)
  target_compile_options(seedcast_options INTERFACE
    -fsanitize=${SEEDCAST_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  target_link_options(seedcast_options INTERFACE -fsanitize=${SEEDCAST_SANITIZE})
endif()
if(SEEDCAST_SANITIZE MATCHES thread)
  add_library(seedcast_tsan_abseil OBJECT ${CMAKE_CURRENT_LIST_DIR}/tsan_abseil.cc)
  target_compile_options(seedcast_tsan_abseil PRIVATE -fsanitize=thread)
  target_sources(seedcast_options INTERFACE
    $<$<STREQUAL:$<TARGET_PROPERTY:TYPE>,EXECUTABLE>:$<TARGET_OBJECTS:seedcast_tsan_abseil>>)
endif()

# How long a test may take. Sanitizers cost much: a seed of the simulation takes 0.014 s of processor, 0.11 with
# AddressSanitizer.
set(SEEDCAST_TEST_TIMEOUT 300)
if(SEEDCAST_SANITIZE)
  set(SEEDCAST_TEST_TIMEOUT 2400)
endif()

# seedcast_library(name SOURCES a.cc b.h DEPS x y): a static library named seedcast_<name>.
function(seedcast_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPS" ${ARGN})
  add_library(seedcast_${name} STATIC ${ARG_SOURCES})
  target_link_libraries(seedcast_${name} PUBLIC ${ARG_DEPS} PRIVATE seedcast_options)
  target_include_directories(seedcast_${name} PUBLIC ${PROJECT_SOURCE_DIR})
endfunction()

# seedcast_test(name LABEL fast|slow|e2e SOURCES x_test.cc DEPS y): a GoogleTest binary, one ctest test a binary.
function(seedcast_test name)
  cmake_parse_arguments(ARG "" "LABEL;TIMEOUT" "SOURCES;DEPS" ${ARGN})
  if(NOT ARG_LABEL)
    set(ARG_LABEL fast)
  endif()
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT ${SEEDCAST_TEST_TIMEOUT})
  endif()
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE ${ARG_DEPS} seedcast_options GTest::gmock GTest::gtest_main)
  add_test(NAME ${name} COMMAND ${name})
  set_tests_properties(${name} PROPERTIES LABELS ${ARG_LABEL} TIMEOUT ${ARG_TIMEOUT}
    ENVIRONMENT "SEEDCAST_SOURCE_DIR=${PROJECT_SOURCE_DIR};SEEDCAST_BINARY_DIR=${PROJECT_BINARY_DIR};TSAN_OPTIONS=suppressions=${PROJECT_SOURCE_DIR}/cmake/tsan.supp"
    SKIP_REGULAR_EXPRESSION "\\[  SKIPPED \\] ALL")
endfunction()
