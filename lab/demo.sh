#!/bin/sh
# The demo's guest side: a famfs with files that fault at 2 MiB and at 4 KiB.
#   famfs-demo screen   famfs-top on the terminal, over a workload that never stops
#   famfs-demo print    famfs-top --once before and after a page is poisoned
set -eu

mountpoint=/mnt/famfs
victim=$mountpoint/models/weights.bin

prepare() {
	modprobe famfs
	famfs mkfs --force "$FAMFS_DEV"
	mkdir -p $mountpoint
	famfs mount "$FAMFS_DEV" $mountpoint
	famfs mkdir $mountpoint/models
	famfs creat --size 128M $victim
	famfs creat --size 64M $mountpoint/models/tokens.bin
	famfs creat --size 16M $mountpoint/index.dat
}

touch_files() {
	famfs-bench touch --rounds "$1" --file $victim --access read
	famfs-bench touch --rounds "$1" --file $mountpoint/models/tokens.bin --access write
	# Mapped at an address that is not congruent to the file offset: 4 KiB at a time.
	famfs-bench touch --rounds "$1" --file $mountpoint/index.dat --access read --map skewed --len 2M
}

poison="famfs-bench poison --file $victim --offset 2M"

case ${1-} in
screen)
	prepare >/dev/null
	# Ends by itself once the mount is disabled: its files can be mapped no more.
	(while touch_files 1 && sleep 0.3; do :; done) >/dev/null 2>&1 &
	exec famfs-top --action "p:poison a page:$poison"
	;;
print)
	prepare
	echo
	echo "== before: a workload touches every page once =="
	famfs-top --once -- famfs-demo touch
	echo
	echo "== a page of $victim is poisoned =="
	$poison
	echo
	echo "== after =="
	famfs-top --once -- true
	umount $mountpoint
	;;
touch)
	touch_files 1 >/dev/null
	;;
*)
	echo "usage: famfs-demo screen|print" >&2
	exit 2
	;;
esac
