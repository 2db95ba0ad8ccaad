# shellcheck shell=bash disable=SC2154,SC2034
# Sourced by tools/setup.sh: the Python, uv, the virtual environment and the requirement groups in it.

python_minimum=3.11
python_tried=13  # of 3.13: the newest that the locked packages have been installed with

venv_is_whole() {  # the .pth file is written last and names this clone, so that a moved one is noticed
    local file named=
    [[ -x $venv/bin/python ]] || return 1
    for file in "$venv"/lib/python3.*/site-packages/trimaran.pth; do
        [[ -r $file ]] && read -r named <"$file"
    done
    [[ $named == "$root" ]]
}

groups_are_installed() {
    # shellcheck disable=SC2086
    [[ -z $(groups_to_install $groups) && (-z $compiling || -e $installed/compiled) ]]
}

groups_to_install() {  # groups...
    local group
    for group in "$@"; do
        cmp -s "$root/requirements/$group.txt" "$installed/$group.txt" || printf '%s ' "$group"
    done
}

provide_venv() {
    local uv version site
    if venv_is_whole && "$venv/bin/python" -c '' 2>/dev/null; then
        python=$venv/bin/python
        lock_clone
        return
    fi
    find_python
    need_writable "$root" "$scratch"
    lock_clone
    if venv_is_whole && "$venv/bin/python" -c '' 2>/dev/null; then
        return  # made by another ./trimaran while this one waited
    fi
    provide_uv
    version=$("$python" -c 'import platform; print(platform.python_version())')
    begin "Making .venv with Python $version"
    rm -rf -- "$venv" 2>/dev/null || fail "the old $venv cannot be removed" 'remove it yourself and run the same command again'
    run "$uv" venv --quiet --no-project --python "$python" "$venv" || fail_with_log '.venv could not be made' 'run the same command again.'
    for site in "$venv"/lib/python3.*/site-packages; do
        printf '%s\n' "$root" >"$site/trimaran.pth"
    done
    end
}

provide_groups() {  # groups...
    local missing
    missing=$(groups_to_install "$@")
    [[ -z $missing ]] || install_groups
}

compile_packages() {
    [[ -n $compiling && ! -e $installed/compiled && -w $installed ]] || return 0
    begin 'Compiling them'
    run "$venv/bin/python" -m compileall -q -j 0 "$venv/lib" || true  # some packages carry templates that are no Python
    : >"$installed/compiled"
    end
}

install_groups() {  # those in $missing of the caller
    local uv listed repair='' files=() group
    need_writable "$installed" "$scratch"
    provide_uv
    missing=${missing% }
    listed=${missing// /, }
    begin "Installing Python packages: $listed"
    for group in $missing; do
        files+=(-r "$root/requirements/$group.txt")
    done
    mkdir -p "$installed"
    # What an interrupted run left may look installed and be incomplete.
    [[ ! -e $installed/.begun ]] || repair=--reinstall
    : >"$installed/.begun"
    run "$uv" pip install --quiet --no-deps --require-hashes $repair --python "$venv/bin/python" "${files[@]}" ||
        fail_with_log "the Python packages ($listed) could not be installed" 'run the same command again.'
    end
    case " $missing " in *' base '* | *' local '*) rm -f "$installed/compiled" ;; esac
    for group in $missing; do
        cp "$root/requirements/$group.txt" "$installed/$group.txt.part"
        mv "$installed/$group.txt.part" "$installed/$group.txt"
    done
    rm -f "$installed/.begun"
}

find_python() {  # sets $python
    local found version newest=''
    while read -r found; do
        version=$("$found" -c 'import sys; print("%d.%d.%d" % sys.version_info[:3])' 2>/dev/null) || continue
        if version_at_least "$version" "$python_minimum"; then
            python=$found
            return
        fi
        version_at_least "${newest:-0}" "$version" || newest=$version
    done < <(pythons_on_path)
    if [[ -n $newest ]]; then
        fail "Python $python_minimum or later is needed, and the newest one on PATH is Python $newest" "$(python_hint)"
    fi
    fail "Python $python_minimum or later is needed, and none is on PATH" "$(python_hint)"
}

# Those that the packages are known to have wheels for, newest first; then newer ones; then whatever has no number in its name.
pythons_on_path() {
    local name minor rank
    {
        for name in $(compgen -c python3.); do
            minor=${name#python3.}
            [[ -n $minor && $minor != *[!0-9]* ]] || continue
            rank=$((minor > python_tried ? minor + 100 : python_tried - minor))
            printf '%d %s\n' "$rank" "$name"
        done
        printf '%s\n' '1000 python3' '1001 python'
    } | sort -n -u | while read -r _ name; do type -aP "$name" || true; done
}

python_hint() {
    local version
    if ! type -P apt-get >/dev/null; then
        printf 'install it from python.org or with your package manager'
        return
    fi
    version=$(apt-cache policy python3 2>/dev/null | grep -m 1 'Candidate: [0-9]') || version=
    version=${version#*: }
    if [[ -n $version ]] && ! version_at_least "$(number_in "$version")" "$python_minimum"; then
        printf "this system's packages have %s; install a newer one from python.org, or take a newer release of the system" "$version"
    else
        printf 'sudo apt-get install python3 python3-venv'
    fi
}

provide_uv() {  # sets $uv of the caller
    # The machine's own certificates, where it has some: behind a company's proxy the built-in ones are not enough.
    [[ -e /etc/ssl/certs/ca-certificates.crt ]] && export UV_SYSTEM_CERTS=${UV_SYSTEM_CERTS:-1}
    local pinned directory
    uv=$(type -P uv) && within "$patience_s" "$uv" --version >/dev/null 2>&1 && return
    [[ -z $uv ]] || say "$uv does not run, so another is used"
    read -r pinned _ <"$root/requirements/uv.txt"
    directory=$cache/uv-${pinned#uv==}
    uv=$directory/bin/uv
    if "$uv" --version >/dev/null 2>&1; then return; fi
    lock_cache
    if "$uv" --version >/dev/null 2>&1; then return; fi
    provide_venv_module
    begin "Installing uv ${pinned#uv==}"
    temporary "$directory"
    run "$python" -m venv "$temporary" || fail_with_log 'an environment for uv could not be made' 'put uv on PATH instead.'
    run "$temporary/bin/python" -m pip install --verbose --disable-pip-version-check --no-deps --require-hashes \
        -r "$root/requirements/uv.txt" || fail_with_log 'uv could not be installed' 'run the same command again.'
    rm -rf -- "$directory"
    mv "$temporary" "$directory"
    end
}

provide_venv_module() {  # Debian's python3 comes without
    local package
    "$python" -c 'import ensurepip, venv' 2>/dev/null && return
    package=$("$python" -c 'import sys; print("python3.%d-venv" % sys.version_info[1])')
    if can_install_packages; then
        install_packages "$package" python3-venv
        "$python" -c 'import ensurepip, venv' 2>/dev/null && return
    fi
    fail "$python has no module venv" "sudo apt-get install $package, or put uv on PATH"
}
