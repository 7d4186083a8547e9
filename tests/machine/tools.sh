# What a machine's own tools say of it, in sections; `src/agreement.rs` compares it with what Daicho tells.
# Runs as root inside the machine. Sections may be named as arguments: accounts, packages, services.
export LC_ALL=C TZ=UTC SYSTEMD_COLORS=0
section() { printf '\n=== %s\n' "$1"; }
for subject in "$@"; do
    case $subject in
    accounts)
        section today && date +%F
        section passwd && getent passwd
        section shells && cat /etc/shells
        section people && sed -nE 's/^UID_MIN[[:space:]]+//p' /etc/login.defs
        section status && passwd --status --all
        section chage
        getent passwd | cut -d: -f1 | while read -r name; do
            echo "# $name"
            chage --list --iso8601 "$name"
        done
        section groups
        getent passwd | cut -d: -f1 | while read -r name; do echo "$name $(id -nG "$name")"; done
        section sudo
        getent passwd | cut -d: -f1 | while read -r name; do
            sudo -n -l -U "$name" | grep -q 'may run the following' && echo "$name"
        done
        section keys
        getent passwd | while IFS=: read -r name _ _ _ _ home _; do
            [ -s "$home/.ssh/authorized_keys" ] && echo "$name"
        done
        section lastlog && lastlog
        section last && last -w --time-format iso
        section journal
        journalctl --quiet --no-pager --output short-iso-precise --identifier systemd-logind |
            sed -nE 's/^([^ ]+)([+-][0-9]{2})([0-9]{2}) .*: New session [^ ]+ of user ([^ ]+)\.$/\4 \1\2:\3/p'
        ;;
    packages)
        section packages
        dpkg-query --show --showformat '${db:Status-Abbrev}\t${Package}\t${Version}\t${Architecture}\t${source:Package}\t${source:Version}\n'
        ;;
    services)
        section files
        # Read by systemctl itself: for PID 1 that is a long time on an emulated processor.
        SYSTEMD_OFFLINE=1 systemctl list-unit-files --full --no-legend --no-pager --type=service,socket,timer,path |
            tee /run/unit-files
        section show
        {
            grep -v '@\.' /run/unit-files | cut -d' ' -f1
            systemctl list-units --all --full --plain --no-legend --no-pager --type=service,socket,timer,path | cut -d' ' -f1
        } | sort -u | xargs systemctl show --no-pager --property Id,Description,LoadState,ActiveState,SubState \
            --property UnitFileState,ExecStart,TasksCurrent,Names,Triggers,FragmentPath
        section sockets && ss --no-header --listening --numeric --tcp --udp --processes
        section jobs
        find /etc/cron.d -maxdepth 1 -type f ! -name '.*'
        for period in hourly daily weekly monthly yearly; do
            [ ! -d /etc/cron.$period ] || run-parts --test /etc/cron.$period
        done
        section owners
        ps -e -o pid=,unit= | while read -r process unit; do
            echo "$process $unit $(readlink "/proc/$process/exe")"
        done
        ;;
    esac
done
section end
