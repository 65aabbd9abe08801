//! What one tool does keeps no other from giving events.

use std::time::Duration;

use tokio::{io::AsyncWriteExt as _, net::TcpStream};

use super::{Ground, event, taken, until_delivered};

/// More than all bodies may take together, and than requests of one tool may be under way.
const SLOW: usize = 160;

#[tokio::test(flavor = "multi_thread")]
async fn slow_senders_of_one_tool_hold_up_nobody_else() {
    let ground = Ground::new();
    let host = ground.forwarder.api.trim_start_matches("http://");
    let mut slow = Vec::new();
    for number in 0..SLOW {
        let mut sender = TcpStream::connect(host).await.unwrap();
        // Half of them say how much is to come, and none sends it.
        let length = if number % 2 == 0 { "content-length: 10000000" } else { "transfer-encoding: chunked" };
        let head = format!("POST /trivy HTTP/1.1\r\nhost: {host}\r\ncontent-type: application/json\r\n{length}\r\n\r\n");
        sender.write_all(head.as_bytes()).await.unwrap();
        slow.push(sender);
    }
    // Less than a body may take to arrive, after which the slow ones would have gone.
    let in_time = tokio::time::timeout(Duration::from_secs(20), taken(&ground.forwarder, "falco", event(1))).await;
    assert!(in_time.is_ok(), "it was held up");
    until_delivered(&ground.forwarder).await;
    drop(slow);
}
