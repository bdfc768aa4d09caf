#!/bin/sh
# A worker for crawlerd made of fifo-recv, curl and fifo-send.
#
#     shell_worker.sh MASTER RUN INBOX      MASTER and RUN as `GET /status` says: inbox and run
#
# Each message is a line of JSON and a body, here a URL or nothing, so fifo-recv prints two lines for
# it. The worker ends when fifo-recv does: when the master has left the inbox.
master=$1 run=$2 inbox=$3
tell() { fifo-send -q --whole "$master"; }

download() {  # HEADER URL: the result has the task's header, with another type and what came of it
  page=$(mktemp)
  if type=$(curl -sSf --compressed -m 20 -o "$page" -w '%{content_type}' "$2")
  then about='"status":"ok"'
  else about='"status":"failed","error":"curl-'$?'"'; : > "$page"; fi
  charset=$(printf '%s' "$type" | sed -n 's/.*charset=\([A-Za-z0-9_-]*\).*/\1/p')
  { printf '%s\n' "$1" | sed 's/"task"/"result"/; s/}$/,"about":{'"$about"'}}/'
    iconv -c -f "${charset:-utf-8}" -t utf-8 "$page" | sed 's/<[^>]*>//g'; } | tell
  rm "$page"
}

fifo-recv -q "$inbox" | while IFS= read -r header && IFS= read -r body; do
  case $header in
    *'"type":"task"'*) download "$header" "$body" & ;;
    *'"type":"ping"'*) printf '%s\n' "$header" | sed 's/"ping"/"pong"/' | tell ;;
  esac
done &

until [ -e "$inbox" ]; do sleep 0.05; done
printf '{"v":1,"run":"%s","type":"hello","about":{"slots":4,"inbox":"%s"}}\n' "$run" "$inbox" | tell
wait
