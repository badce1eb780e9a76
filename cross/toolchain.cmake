# Builds for a vehicle's processor, against the sysroot that cross/sysroot.sh has made.
#   cmake --preset arm64|armhf|amd64
# STARLING_ARCHITECTURE and STARLING_SYSROOT come from the preset.
list(APPEND CMAKE_TRY_COMPILE_PLATFORM_VARIABLES STARLING_ARCHITECTURE STARLING_SYSROOT)
if(STARLING_ARCHITECTURE STREQUAL "arm64")
  set(CMAKE_SYSTEM_PROCESSOR aarch64)
  set(triplet aarch64-linux-gnu)
elseif(STARLING_ARCHITECTURE STREQUAL "armhf")
  set(CMAKE_SYSTEM_PROCESSOR arm)
  set(triplet arm-linux-gnueabihf)
elseif(STARLING_ARCHITECTURE STREQUAL "amd64")
  set(CMAKE_SYSTEM_PROCESSOR x86_64)
  set(triplet x86_64-linux-gnu)
else()
  message(FATAL_ERROR "STARLING_ARCHITECTURE is '${STARLING_ARCHITECTURE}', must be arm64, armhf or amd64")
endif()
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_LIBRARY_ARCHITECTURE ${triplet})
set(CMAKE_CXX_COMPILER ${triplet}-g++)
set(CMAKE_STRIP ${triplet}-strip)

set(CMAKE_SYSROOT "${STARLING_SYSROOT}")
# Tools are the host's, everything else is not.
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
foreach(kind LIBRARY INCLUDE PACKAGE)
  set(CMAKE_FIND_ROOT_PATH_MODE_${kind} ONLY)
endforeach()
set(ENV{PKG_CONFIG_DIR} "")
set(ENV{PKG_CONFIG_SYSROOT_DIR} "${CMAKE_SYSROOT}")
set(ENV{PKG_CONFIG_LIBDIR} "${CMAKE_SYSROOT}/usr/lib/${triplet}/pkgconfig:${CMAKE_SYSROOT}/usr/share/pkgconfig")

# Files above 2 GiB also where off_t has 32 bits.
set(CMAKE_CXX_FLAGS_INIT "-D_FILE_OFFSET_BITS=64")
set(CMAKE_EXE_LINKER_FLAGS_INIT "-Wl,--gc-sections,--as-needed,-z,relro,-z,now")

# Where the host is another machine, the tests run under qemu.
if(NOT CMAKE_HOST_SYSTEM_PROCESSOR STREQUAL CMAKE_SYSTEM_PROCESSOR)
  set(CMAKE_CROSSCOMPILING_EMULATOR "qemu-${CMAKE_SYSTEM_PROCESSOR};-L;${CMAKE_SYSROOT}")
endif()
