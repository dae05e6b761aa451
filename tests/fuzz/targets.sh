# Builds the fuzz targets with clang in build-fuzz. Sourced, in the repository's root, by replay and run.
fuzz_build=build-fuzz
fuzz_targets="awschunk exec_frame filter form http1 json msg pattern policy query registry restjson signature unpack xml zip"

fuzz_make() {
    [ -f "$fuzz_build/build.ninja" ] ||
        CC=clang meson setup "$fuzz_build" --buildtype=debugoptimized -Db_sanitize=address,undefined -Db_lundef=false \
            -Dc_args=-fsanitize=fuzzer-no-link || return
    local name programs=
    for name in $fuzz_targets; do programs="$programs tests/fuzz/fuzz_$name"; done
    # shellcheck disable=SC2086
    ninja -C "$fuzz_build" $programs
}

export ASAN_OPTIONS=detect_leaks=1:abort_on_error=1 UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1
