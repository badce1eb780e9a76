# The console's page: TypeScript and libraries of npm, bundled into a few files.
find_program(STARLING_NPM npm)
find_program(STARLING_NODE NAMES node nodejs)

# starling_web(NAME FOLDER SCHEMA): sets STARLING_WEB_FOLDER and STARLING_WEB_FILES, which a target may depend on.
# What npm fetches is what FOLDER's package-lock.json names by its hash, and stays within the build folder.
function(starling_web name folder schema)
  set(work "${PROJECT_BINARY_DIR}/${name}")
  set(fetched "${work}/fetched")
  file(MAKE_DIRECTORY "${work}")
  add_custom_command(OUTPUT "${fetched}"
    COMMAND "${CMAKE_COMMAND}" -E copy "${folder}/package.json" "${folder}/package-lock.json" "${work}"
    COMMAND "${STARLING_NPM}" ci --omit=dev --ignore-scripts --no-audit --no-fund --loglevel=error
    COMMAND "${CMAKE_COMMAND}" -E touch "${fetched}"
    DEPENDS "${folder}/package.json" "${folder}/package-lock.json"
    WORKING_DIRECTORY "${work}" VERBATIM
    COMMENT "npm ci: the console's libraries (-DSTARLING_CONSOLE_WEB=OFF builds without its page)")
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS "${folder}/src/*")
  foreach(file index.html console.js console.css icon.svg licences.txt)
    list(APPEND files "${work}/dist/${file}")
  endforeach()
  add_custom_command(OUTPUT ${files}
    COMMAND "${CMAKE_COMMAND}" -E rm -rf "${work}/schema"
    COMMAND "${STARLING_FLATC}" --ts -o "${work}/schema" "${schema}"
    COMMAND "${STARLING_NODE}" "${folder}/build.mjs" --work "${work}"
    DEPENDS "${fetched}" ${sources} "${folder}/build.mjs" "${schema}"
    WORKING_DIRECTORY "${work}" VERBATIM COMMENT "bundling the console's page")
  add_custom_target(${name} DEPENDS ${files})
  set(STARLING_WEB_FOLDER "${work}/dist" PARENT_SCOPE)
  set(STARLING_WEB_FILES "${files}" PARENT_SCOPE)
endfunction()
