//! Connections that this device makes.

use std::future::Future;
use std::net::{SocketAddr, SocketAddrV6};
use std::sync::Arc;
use std::time::Duration;

use futures_lite::future::or;
use mio::net::TcpStream;

use super::lane::{Lane, LaneError, open_tcp};
use super::link::Links;
use super::reactor::Io;
use super::runtime::Spawner;
use crate::core::ids::{DeviceId, DialId};
use crate::core::io::Input;
use crate::core::wire::control::{Greeting, Lane as LaneKind};

/// Pauses before a connection is tried again that was closed at once: the other side rations
/// unfinished ones.
const BUSY_PAUSES: [Duration; 3] = [
    Duration::from_millis(150),
    Duration::from_millis(400),
    Duration::from_millis(900),
];

/// Connects to a device and tells the core what became of it.
pub async fn dial(
    links: Arc<Links>,
    dial: DialId,
    addresses: Vec<SocketAddr>,
    expect: Option<DeviceId>,
) {
    let mut last = None;
    for address in addresses {
        match connect(&links, address, expect, LaneKind::Control).await {
            Ok((lane, greeting)) => {
                links.bring_up(lane, address, Some(dial), greeting, None);
                return;
            }
            Err(error) => {
                if let LaneError::OtherVersion { .. } = error {
                    links.refuse_lane(address, &error);
                }
                last = Some(format!("{address}: {error}"));
            }
        }
    }
    links.tell(Input::DialFailed {
        dial,
        reason: last.unwrap_or_else(|| "no interface to reach the address from".to_owned()),
    });
}

/// Connects, encrypts and greets. The other side has greeted, for the same lane, when this is done.
pub async fn connect(
    links: &Links,
    address: SocketAddr,
    expect: Option<DeviceId>,
    kind: LaneKind,
) -> Result<(Lane, Greeting), LaneError> {
    let mut pauses = BUSY_PAUSES.iter();
    loop {
        match try_once(links, address, expect, kind).await {
            Err(LaneError::Refused) => match pauses.next() {
                Some(&pause) => links.spawner.sleep(pause).await,
                None => return Err(LaneError::Refused),
            },
            done => return done,
        }
    }
}

async fn try_once(
    links: &Links,
    address: SocketAddr,
    expect: Option<DeviceId>,
    kind: LaneKind,
) -> Result<(Lane, Greeting), LaneError> {
    let timing = &links.timing;
    let tcp = within(&links.spawner, timing.dial, async {
        let tcp = open_tcp(links.spawner.reactor(), address, timing.dead).await;
        tcp.map_err(LaneError::Io)
    })
    .await?;
    let greeted = greet(links, tcp, expect, kind);
    within(&links.spawner, timing.answer, greeted).await
}

/// Encrypts and greets over a connection.
async fn greet(
    links: &Links,
    tcp: Io<TcpStream>,
    expect: Option<DeviceId>,
    kind: LaneKind,
) -> Result<(Lane, Greeting), LaneError> {
    let mut lane = Lane::connect(&links.tls, tcp).await?;
    if lane.peer == links.device {
        return Err(LaneError::Itself);
    }
    if let Some(expected) = expect
        && expected != lane.peer
    {
        return Err(LaneError::NotExpected {
            expected,
            found: lane.peer,
        });
    }
    lane.write_greeting(&links.greeting(kind)).await?;
    match lane.read_greeting().await {
        Ok(greeting) => Ok((lane, greeting)),
        Err(error) => {
            lane.decline(&error, None).await;
            Err(error)
        }
    }
}

/// Gives up after `limit`.
pub async fn within<T>(
    spawner: &Spawner,
    limit: Duration,
    work: impl Future<Output = Result<T, LaneError>>,
) -> Result<T, LaneError> {
    or(work, async {
        spawner.sleep(limit).await;
        Err(LaneError::Timeout(limit))
    })
    .await
}

/// The addresses to try for one: a link-local address without its interface is tried on each.
pub fn with_scopes(address: SocketAddr, interfaces: &[u32]) -> Vec<SocketAddr> {
    match address {
        SocketAddr::V6(v6) if v6.ip().is_unicast_link_local() && v6.scope_id() == 0 => interfaces
            .iter()
            .map(|&index| SocketAddrV6::new(*v6.ip(), v6.port(), 0, index).into())
            .collect(),
        other => vec![other],
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_link_local_address_is_tried_on_each_interface() {
        let text = |list: Vec<SocketAddr>| -> Vec<String> {
            list.iter().map(ToString::to_string).collect()
        };
        let bare: SocketAddr = "[fe80::7]:47800".parse().unwrap();
        assert_eq!(
            text(with_scopes(bare, &[2, 5])),
            ["[fe80::7%2]:47800", "[fe80::7%5]:47800"]
        );
        let scoped: SocketAddr = "[fe80::7%3]:47800".parse().unwrap();
        assert_eq!(with_scopes(scoped, &[2, 5]), [scoped]);
        let v4: SocketAddr = "10.0.0.1:47800".parse().unwrap();
        assert_eq!(with_scopes(v4, &[2, 5]), [v4]);
    }
}
