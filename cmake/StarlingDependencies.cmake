# Every outside library, found once.  docs/dependencies.md says why each is here.
set(THREADS_PREFER_PTHREAD_FLAG ON)
find_package(Threads REQUIRED)
find_package(OpenSSL 3.0 REQUIRED)
find_package(CLI11 REQUIRED)
find_package(PkgConfig REQUIRED)
pkg_check_modules(ZSTD REQUIRED IMPORTED_TARGET libzstd>=1.5)
if(NOT STARLING_VEHICLE_ONLY)
  find_package(PNG REQUIRED)
  find_package(ZLIB REQUIRED)
  find_package(EXPAT REQUIRED)
  find_package(RocksDB REQUIRED)
  find_package(prometheus-cpp CONFIG REQUIRED)
  pkg_check_modules(RDKAFKA REQUIRED IMPORTED_TARGET rdkafka>=2.0)
  pkg_check_modules(PUGIXML REQUIRED IMPORTED_TARGET pugixml>=1.12)
  pkg_check_modules(PROJ REQUIRED IMPORTED_TARGET proj>=9.0)
  # Headers only.
  pkg_check_modules(TOMLPLUSPLUS REQUIRED tomlplusplus>=3.3)
endif()

# Asio, Beast and JSON are used header-only; 1.81 is the first release whose
# Asio has what we use of C++20.
find_package(Boost 1.81 REQUIRED)

find_path(STARLING_FLATBUFFERS_INCLUDE flatbuffers/flatbuffers.h REQUIRED)
find_program(STARLING_FLATC flatc REQUIRED)

add_library(starling_boost INTERFACE)
add_library(starling::boost ALIAS starling_boost)
target_link_libraries(starling_boost INTERFACE Boost::headers Threads::Threads)
target_compile_definitions(starling_boost INTERFACE
  BOOST_ASIO_NO_DEPRECATED BOOST_ASIO_DISABLE_BOOST_COROUTINE)
