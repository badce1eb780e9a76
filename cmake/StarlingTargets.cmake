# The ways a target is made here.  Every target gets the same warnings, the same
# standard and the repository root as its include directory.

add_library(starling_flags INTERFACE)
target_compile_features(starling_flags INTERFACE cxx_std_20)
target_include_directories(starling_flags INTERFACE "${PROJECT_SOURCE_DIR}")
# -ffp-contract=off: a fused multiply-add rounds once where the source says
# twice, so the same decision would differ between processors.
target_compile_options(starling_flags INTERFACE
  -Wall -Wextra -Wpedantic -Wconversion -Wshadow -ffp-contract=off
  $<$<BOOL:${STARLING_WERROR}>:-Werror>
  $<$<CXX_COMPILER_ID:Clang>:-Wthread-safety>)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_GREATER_EQUAL 13)
  # GCC's flow analysis raises false alarms in inlined library code, other ones in
  # each release; GCC 12 has none here, so it is the one that refuses them.
  target_compile_options(starling_flags INTERFACE -Wno-error=array-bounds -Wno-error=maybe-uninitialized
    -Wno-error=restrict -Wno-error=stringop-overflow -Wno-error=stringop-overread)
endif()
if(STARLING_SANITIZE)
  target_compile_options(starling_flags INTERFACE
    -fsanitize=${STARLING_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  target_link_options(starling_flags INTERFACE -fsanitize=${STARLING_SANITIZE})
endif()
if(STARLING_SANITIZE STREQUAL "thread")
  # TSan does not understand Asio's fences, and GCC refuses to compile them; the
  # scheduler's mutex orders handlers without them.
  target_compile_definitions(starling_flags INTERFACE BOOST_ASIO_DISABLE_FENCED_BLOCK)
endif()

# starling_library(edge_spool SOURCES a.cc a.h DEPS starling::common)
function(starling_library name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;DEPS")
  add_library(starling_${name} STATIC ${arg_SOURCES})
  add_library(starling::${name} ALIAS starling_${name})
  target_link_libraries(starling_${name} PUBLIC ${arg_DEPS} PRIVATE starling_flags)
  target_include_directories(starling_${name} PUBLIC "${PROJECT_SOURCE_DIR}")
endfunction()

# starling_program(starling-edge SOURCES main.cc DEPS starling::edge_agent)
function(starling_program name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;DEPS")
  add_executable(${name} ${arg_SOURCES})
  target_link_libraries(${name} PRIVATE starling_flags ${arg_DEPS})
endfunction()

# starling_test(record_test SOURCES record_test.cc DEPS starling::edge_spool LABELS unit)
function(starling_test name)
  if(STARLING_FUZZ)
    return()  # That build is for the fuzz targets alone.
  endif()
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;DEPS;LABELS")
  add_executable(${name} ${arg_SOURCES})
  target_link_libraries(${name} PRIVATE starling_flags ${arg_DEPS} GTest::gmock GTest::gtest_main)
  add_test(NAME ${name} COMMAND ${name})
  # Three brokers on a busy machine may take minutes to come up.
  set(timeout_s 300)
  if("kafka" IN_LIST arg_LABELS)
    set(timeout_s 600)
  endif()
  set_tests_properties(${name} PROPERTIES LABELS "${arg_LABELS}" TIMEOUT ${timeout_s})
endfunction()

# Also registers a short run as a test labelled bench_smoke, so that a
# benchmark cannot rot unnoticed.
function(starling_benchmark name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;DEPS")
  add_executable(${name} ${arg_SOURCES})
  target_link_libraries(${name} PRIVATE starling_flags ${arg_DEPS} benchmark::benchmark)
  if(STARLING_BUILD_TESTS)
    add_test(NAME ${name}_smoke COMMAND ${name} --benchmark_min_time=0.001)
    # A benchmark whose results are wrong says so, and exits with 0 all the same.
    set_tests_properties(${name}_smoke PROPERTIES LABELS bench_smoke TIMEOUT 300
      FAIL_REGULAR_EXPRESSION "ERROR OCCURRED")
  endif()
endfunction()

# A libFuzzer target with its corpus in tests/corpus/NAME; a short run of it, from the same
# seed each time, is a test labelled fuzz_smoke; `./run fuzz` takes others.  Built only with STARLING_FUZZ, by clang.
function(starling_fuzzer name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;DEPS")
  if(NOT STARLING_FUZZ)
    return()
  endif()
  add_executable(${name} ${arg_SOURCES})
  target_link_libraries(${name} PRIVATE starling_flags ${arg_DEPS})
  target_link_options(${name} PRIVATE -fsanitize=fuzzer)
  set(corpus "${PROJECT_SOURCE_DIR}/tests/corpus/${name}")
  add_test(NAME ${name}_smoke COMMAND ${name} -seed=1 -max_total_time=10 -max_len=4096 -rss_limit_mb=1024
    "${PROJECT_BINARY_DIR}/corpus/${name}" "${corpus}")
  file(MAKE_DIRECTORY "${PROJECT_BINARY_DIR}/corpus/${name}")
  set_tests_properties(${name}_smoke PROPERTIES LABELS fuzz_smoke TIMEOUT 120)
endfunction()
