# C++ from the FlatBuffers schemas, at build time: flatc and the headers must be
# of one release, so nothing generated is kept in the tree.
#
# starling_schemas(schemas edge_to_cloud/uplink.fbs ...): include a generated file
# as "schemas/edge_to_cloud/uplink_generated.h".
function(starling_schemas name)
  set(generated)
  foreach(schema ${ARGN})
    get_filename_component(folder "${schema}" DIRECTORY)
    get_filename_component(stem "${schema}" NAME_WE)
    set(header "${PROJECT_BINARY_DIR}/generated/schemas/${folder}/${stem}_generated.h")
    add_custom_command(OUTPUT "${header}"
      COMMAND "${STARLING_FLATC}" --cpp --scoped-enums --gen-mutable --keep-prefix
        -I "${PROJECT_SOURCE_DIR}" -o "${PROJECT_BINARY_DIR}/generated/schemas/${folder}"
        "${CMAKE_CURRENT_SOURCE_DIR}/${schema}"
      DEPENDS ${ARGN} VERBATIM COMMENT "flatc ${schema}")
    list(APPEND generated "${header}")
  endforeach()
  add_custom_target(starling_${name}_generated DEPENDS ${generated})
  add_library(starling_${name} INTERFACE)
  add_library(starling::${name} ALIAS starling_${name})
  add_dependencies(starling_${name} starling_${name}_generated)
  target_include_directories(starling_${name} SYSTEM INTERFACE
    "${PROJECT_BINARY_DIR}/generated" "${STARLING_FLATBUFFERS_INCLUDE}")
endfunction()
